// Prints golden values of ggml's dequantize_row_* for testdata/dequantize.txt.
//
// Build against ggml (MIT; as vendored in llama-cpp-python 0.3.36), in its folder, beside a
// ggml-version.h that defines GGML_VERSION and GGML_COMMIT as any strings:
//
//   gcc -O2 -D_GNU_SOURCE -I. -Iinclude -Isrc -c dequantize_golden.c src/ggml.c \
//       src/ggml-quants.c src/ggml-alloc.c
//   g++ -O2 -std=c++17 -D_GNU_SOURCE -I. -Iinclude -Isrc -c src/ggml-threading.cpp \
//       src/ggml-backend.cpp src/ggml-backend-meta.cpp
//   g++ *.o -o golden -lm
//   ./golden > testdata/dequantize.txt
//
// Each type is fed N_BLOCKS blocks of bytes from a linear congruential generator, so scales take
// every kind of value, NaN and infinity included. A line is: name, FNV-1a hash of the floats'
// bits (NaNs made equal), then the bits of the first four.

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "ggml.h"

#define N_BLOCKS 4096

int main(void) {
    for (int type = 0; type < GGML_TYPE_COUNT; type++) {
        const struct ggml_type_traits *traits = ggml_get_type_traits(type);
        if (!traits->is_quantized || traits->to_float == NULL) continue;
        size_t n_bytes = N_BLOCKS * traits->type_size, n_elems = N_BLOCKS * traits->blck_size;
        uint8_t *blocks = malloc(n_bytes);
        float *floats = malloc(n_elems * sizeof(float));
        uint32_t state = 1;
        for (size_t i = 0; i < n_bytes; i++) {
            state = state * 1664525u + 1013904223u;
            blocks[i] = state >> 24;
        }
        traits->to_float(blocks, floats, n_elems);
        uint64_t hash = 14695981039346656037u;
        for (size_t i = 0; i < n_elems; i++) {
            union { float f; uint32_t bits; uint8_t bytes[4]; } x = { floats[i] };
            if (isnan(x.f)) x.bits = 0x7fc00000;
            for (int j = 0; j < 4; j++) hash = (hash ^ x.bytes[j]) * 1099511628211u;
        }
        uint32_t *bits = (uint32_t *)floats;
        printf("%s %016llx %08x %08x %08x %08x\n", traits->type_name, (unsigned long long)hash,
               bits[0], bits[1], bits[2], bits[3]);
        free(blocks);
        free(floats);
    }
    return 0;
}
