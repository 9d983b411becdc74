/* Fused kernels for the CPU: one pass over memory for each operation, every core with rows of its own.
 *
 * Each kernel exists for float32, float64, bfloat16 and float16: rows.h, included once for each. Sums run in
 * float (double for double). Compiled without -ffast-math: infinities and NaN mean what they mean; loops that
 * may add in another order say so themselves, with `omp simd reduction`.
 */
#include <math.h>
#include <stdint.h>
#include <string.h>
#ifdef _OPENMP
#include <omp.h>
static inline int thread_number(void) { return omp_get_thread_num(); }
#else
static inline int thread_number(void) { return 0; }
#endif

#if defined(__AVX512F__)
#define VECTOR 64 /* bytes in a register */
#elif defined(__AVX__)
#define VECTOR 32
#else
#define VECTOR 16
#endif

typedef uint16_t bfloat16; /* the upper half of a float */

static inline float from_bfloat16(bfloat16 x) {
    uint32_t bits = (uint32_t)x << 16;
    float value;
    memcpy(&value, &bits, 4);
    return value;
}

static inline bfloat16 to_bfloat16(float value) {
    uint32_t bits;
    memcpy(&bits, &value, 4);
    uint32_t nearest = (bits + 0x7FFF + ((bits >> 16) & 1)) >> 16; /* ties to even */
    return value != value ? 0x7FC0 : (bfloat16)nearest;
}

/* e^x = 2^k e^r with k = round(x / ln 2), as arithmetic alone, so that compilers make vectors of it (the C
 * library's expf is a call for each number). ln 2 is split in two, so that k ln 2 keeps its digits; e^r is
 * Taylor's series to r^7, whose rest is below 6e-9 of it for |r| <= ln 2 / 2. At most 2 units in the last
 * place off; infinities, NaN and the smallest numbers as expf has them. */
static inline float exp_float(float x) {
    const float round = 12582912; /* 1.5 * 2^23: a sum with it has its integer in the low bits */
    x = x > 89 ? 89 : x;
    x = x < -105 ? -105 : x;
    float shifted = x * 1.44269504f + round, k = shifted - round;
    float r = (x - k * 0.693359375f) + k * 2.12194440e-4f;
    float p = 1 / 5040.f;
    p = p * r + 1 / 720.f;
    p = p * r + 1 / 120.f;
    p = p * r + 1 / 24.f;
    p = p * r + 1 / 6.f;
    p = p * r + 0.5f;
    p = p * r * r + r + 1;
    int32_t bits;
    memcpy(&bits, &shifted, 4);
    int32_t whole = bits - 0x4B400000, half = whole >> 1; /* 2^k as two factors: k may be -151 or 128 */
    uint32_t first = (uint32_t)(half + 127) << 23, second = (uint32_t)(whole - half + 127) << 23;
    float one, other;
    memcpy(&one, &first, 4);
    memcpy(&other, &second, 4);
    return p * one * other;
}

#define A float
#define SQRT sqrtf
#define EXP exp_float
#define LOG logf

#define T float
#define GET(x) (x)
#define PUT(x) ((float)(x))
#define NAME(name) name##_float32
#include "rows.h"
#undef T
#include "attention.h"
#undef GET
#undef PUT
#undef NAME

#define T bfloat16
#define GET(x) from_bfloat16(x)
#define PUT(x) to_bfloat16(x)
#define NAME(name) name##_bfloat16
#include "rows.h"
#undef T
#undef GET
#undef PUT
#undef NAME

#define T _Float16
#define GET(x) ((float)(x))
#define PUT(x) ((_Float16)(x))
#define NAME(name) name##_float16
#include "rows.h"
#undef T
#undef GET
#undef PUT
#undef NAME

#undef A
#undef SQRT
#undef EXP
#undef LOG
#define A double
#define SQRT sqrt
#define EXP exp
#define LOG log
#define T double
#define GET(x) (x)
#define PUT(x) ((double)(x))
#define NAME(name) name##_float64
#include "rows.h"
#undef T
#include "attention.h"

/* y[n, o] = scale[o] * sum_i x[n, i] weight[o, i]: one byte a weight. */
void int8_matvec(const float *x, const int8_t *weight, const float *scale, float *y, int64_t N, int64_t O,
                 int64_t I, int64_t weight_stride, int threads) {
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int64_t o = 0; o < O; o++) {
        const int8_t *row = weight + o * weight_stride;
        for (int64_t n = 0; n < N; n++) {
            float sum = 0;
#pragma omp simd reduction(+ : sum)
            for (int64_t i = 0; i < I; i++) sum += x[n * I + i] * row[i];
            y[n * O + o] = sum * scale[o];
        }
    }
}

/* The same for blocks of 32 weights of 4 bits: byte j of a block's 16 holds weights j (low) and j + 16. */
void int4_matvec(const float *x, const uint8_t *weight, const _Float16 *scale, float *y, int64_t N, int64_t O,
                 int64_t blocks, int64_t weight_stride, int64_t scale_stride, int threads) {
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int64_t o = 0; o < O; o++) {
        for (int64_t n = 0; n < N; n++) {
            float total = 0;
            for (int64_t b = 0; b < blocks; b++) {
                const uint8_t *bytes = weight + o * weight_stride + 16 * b;
                const float *inputs = x + (n * blocks + b) * 32;
                float sum = 0;
#pragma omp simd reduction(+ : sum)
                for (int j = 0; j < 16; j++)
                    sum += inputs[j] * ((bytes[j] & 15) - 8) + inputs[j + 16] * ((bytes[j] >> 4) - 8);
                total += sum * (float)scale[o * scale_stride + b];
            }
            y[n * O + o] = total;
        }
    }
}
