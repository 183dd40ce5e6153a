// Prints the root-mean-square errors of ggml's quantisation for testdata/quantize.txt.
//
// Built as dequantize_golden.c, or against a built libggml-base:
//
//   gcc -O2 -Iggml/include quantize_golden.c -lggml-base -lm -o golden
//   ./golden > testdata/quantize.txt
//
// The data are rows of N_COLS sums of four uniform numbers from a linear congruential generator, and
// their cubes; a column's importance is a square of a uniform number. A line is: name, then the
// errors on the sums and on the cubes without importance (0 where ggml refuses that), then the
// same with importance, where squares of errors are weighted by it.

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "ggml.h"

#define N_COLS 1024
#define N (64 * N_COLS)

static uint32_t state;

static float uniform(void) {
    state = state * 1664525u + 1013904223u;
    return (state >> 8) / 16777216.0f - 0.5f;
}

static double error(enum ggml_type type, int heavy_tails, int weighted) {
    static float x[N], y[N], importance[N_COLS];
    static uint8_t blocks[4 * N];
    state = 1;
    for (int i = 0; i < N; i++) {
        float a = uniform(), b = uniform(), c = uniform(), d = uniform();
        x[i] = a + b + c + d;
        if (heavy_tails) x[i] = x[i] * x[i] * x[i];
    }
    for (int i = 0; i < N_COLS; i++) {
        float u = uniform() + 0.5f;
        importance[i] = 0.01f + u * u;
    }
    if (!weighted && (ggml_quantize_requires_imatrix(type) || type == GGML_TYPE_IQ1_M)) return 0;
    ggml_quantize_chunk(type, x, blocks, 0, N / N_COLS, N_COLS, weighted ? importance : NULL);
    ggml_get_type_traits(type)->to_float(blocks, y, N);
    double sum = 0, weights = 0;
    for (int i = 0; i < N; i++) {
        double w = weighted ? importance[i % N_COLS] : 1, e = x[i] - y[i];
        sum += w * e * e;
        weights += w;
    }
    return sqrt(sum / weights);
}

int main(void) {
    enum ggml_type types[] = {
        GGML_TYPE_Q4_0,    GGML_TYPE_Q4_1,    GGML_TYPE_Q5_0,  GGML_TYPE_Q5_1,   GGML_TYPE_Q8_0,
        GGML_TYPE_Q2_K,    GGML_TYPE_Q3_K,    GGML_TYPE_Q4_K,  GGML_TYPE_Q5_K,   GGML_TYPE_Q6_K,
        GGML_TYPE_IQ1_S,   GGML_TYPE_IQ1_M,   GGML_TYPE_IQ2_XXS, GGML_TYPE_IQ2_XS, GGML_TYPE_IQ2_S,
        GGML_TYPE_IQ3_XXS, GGML_TYPE_IQ3_S,   GGML_TYPE_IQ4_NL, GGML_TYPE_IQ4_XS, GGML_TYPE_MXFP4,
        GGML_TYPE_NVFP4,   GGML_TYPE_TQ1_0,   GGML_TYPE_TQ2_0, GGML_TYPE_Q1_0,   GGML_TYPE_Q2_0,
    };
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        printf("%s", ggml_type_name(types[i]));
        for (int weighted = 0; weighted < 2; weighted++) {
            for (int heavy = 0; heavy < 2; heavy++) printf(" %.6g", error(types[i], heavy, weighted));
        }
        printf("\n");
    }
    return 0;
}
