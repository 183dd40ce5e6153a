// Prints the root-mean-square errors of ggml's quantisation for testdata/quantize.txt.
//
// Built as dequantize_golden.c. The data are sums of four uniform numbers from a linear
// congruential generator, and their cubes. A line is: name, error on the sums, on the cubes.

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "ggml.h"

#define N 65536

static uint32_t state;

static float uniform(void) {
    state = state * 1664525u + 1013904223u;
    return (state >> 8) / 16777216.0f - 0.5f;
}

static double error(enum ggml_type type, int heavy_tails) {
    static float x[N], y[N];
    static uint8_t blocks[4 * N];
    state = 1;
    for (int i = 0; i < N; i++) {
        float a = uniform(), b = uniform(), c = uniform(), d = uniform();
        x[i] = a + b + c + d;
        if (heavy_tails) x[i] = x[i] * x[i] * x[i];
    }
    ggml_quantize_chunk(type, x, blocks, 0, 1, N, NULL);
    ggml_get_type_traits(type)->to_float(blocks, y, N);
    double sum = 0;
    for (int i = 0; i < N; i++) sum += (x[i] - y[i]) * (double)(x[i] - y[i]);
    return sqrt(sum / N);
}

int main(void) {
    enum ggml_type types[] = { GGML_TYPE_Q4_0, GGML_TYPE_Q4_1, GGML_TYPE_Q5_0, GGML_TYPE_Q5_1,
                               GGML_TYPE_Q8_0, GGML_TYPE_Q4_K, GGML_TYPE_Q5_K, GGML_TYPE_Q6_K };
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        printf("%s %.6g %.6g\n", ggml_type_name(types[i]), error(types[i], 0), error(types[i], 1));
    }
    return 0;
}
