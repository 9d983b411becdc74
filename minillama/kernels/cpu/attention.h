/* Attention of float or double: kernels.c includes this file once for each, with A and NAME defined.
 *
 * Queries go through in blocks of LANES, one to a lane of a vector, so that a softmax over keys is a loop over
 * vectors: nothing is ever summed across lanes. A block's scores are a table of [key][lane]; keys beyond the
 * last that the block sees are never computed. Five products, two forward and five backward (two of them the
 * forward's own), are all of one form, `product`.
 *
 * q, out, dout, dq: (B, H, T, D); k, v, dk, dv: (B, K, S, D); each with the strides of its first three axes.
 * first: (B or 1, T), the first key that a query sees, or null. The T queries are the last of the S positions.
 */
#define LANES ((int64_t)(VECTOR / sizeof(A)))
typedef A NAME(lanes) __attribute__((vector_size(VECTOR), aligned(sizeof(A))));

/* y[r] (+)= sum_i a[r * across + i * along] x[i] for r < rows, i < n; x[i] and y[r] are LANES numbers each. */
static inline void NAME(product)(const A *a, int64_t across, int64_t along, int64_t rows, int64_t n,
                                 const A *x, A *y, int more) {
    const NAME(lanes) *from = (const NAME(lanes) *)x;
    NAME(lanes) *to = (NAME(lanes) *)y;
    int64_t r = 0;
    for (; r + 8 <= rows; r += 8) {
        NAME(lanes) sum[8] = {};
        const A *tile = a + r * across;
        if (more)
            for (int j = 0; j < 8; j++) sum[j] = to[r + j];
        for (int64_t i = 0; i < n; i++) {
            NAME(lanes) shared = from[i];
#pragma GCC unroll 8
            for (int j = 0; j < 8; j++) sum[j] += tile[j * across + i * along] * shared;
        }
        for (int j = 0; j < 8; j++) to[r + j] = sum[j];
    }
    for (; r < rows; r++) {
        NAME(lanes) sum = {};
        if (more) sum = to[r];
        for (int64_t i = 0; i < n; i++) sum += a[r * across + i * along] * from[i];
        to[r] = sum;
    }
}

/* Lanes of a block from rows of D numbers: to[d][lane] = scale row[lane][d]; zeros where there is no row. */
static inline void NAME(turn)(const A *rows, int64_t stride, int64_t count, int64_t D, A scale, A *to) {
    if (count < LANES) memset(to, 0, D * LANES * sizeof(A));
    for (int64_t w = 0; w < count; w++)
        for (int64_t d = 0; d < D; d++) to[d * LANES + w] = scale * rows[w * stride + d];
}

/* The same rows as [part][row][LANES]: D numbers in parts of LANES, zeros behind them. */
static inline void NAME(part)(const A *rows, int64_t stride, int64_t count, int64_t capacity, int64_t D, A *to) {
    for (int64_t d = 0; d < D; d += LANES)
        for (int64_t w = 0; w < count; w++)
            for (int64_t l = 0; l < LANES; l++)
                to[(d / LANES * capacity + w) * LANES + l] = d + l < D ? rows[w * stride + d + l] : 0;
}

/* Which keys a block of queries from t on sees, [begin, end), and each lane's own, [low, high]. Lanes without
 * a query see what the last one sees. */
static inline void NAME(seen)(const int32_t *first, int64_t t, int64_t T, int64_t S, int64_t *begin, int64_t *end,
                              int64_t *low, int64_t *high) {
    *begin = S, *end = 0;
    for (int64_t w = 0; w < LANES; w++) {
        int64_t query = t + w < T ? t + w : T - 1;
        low[w] = !first || first[query] < 0 ? 0 : first[query] < S ? first[query] : S;
        high[w] = S - T + query;
        *begin = low[w] < *begin ? low[w] : *begin;
        *end = high[w] + 1 > *end ? high[w] + 1 : *end;
    }
    *begin = (*begin < *end ? *begin : *end) / 8 * 8;
    *end = (*end + 7) / 8 * 8 < S ? (*end + 7) / 8 * 8 : S;
}

/* Minus infinity for the scores of [begin, end) that a lane does not see. */
static inline void NAME(hide)(A *scores, int64_t begin, int64_t end, const int64_t *low, const int64_t *high) {
    int64_t all_from = low[0], all_to = high[0];
    for (int64_t w = 1; w < LANES; w++) {
        all_from = low[w] > all_from ? low[w] : all_from;
        all_to = high[w] < all_to ? high[w] : all_to;
    }
    for (int64_t s = begin; s < end; s++) {
        if (s >= all_from && s <= all_to) continue;
        for (int64_t w = 0; w < LANES; w++)
            if (s < low[w] || s > high[w]) scores[(s - begin) * LANES + w] = -INFINITY;
    }
}

/* out = softmax(q k' scale) v, lse (B, H, T) the logarithm of each softmax's sum. `room` is for each thread
 * S (2 D + LANES) + 2 D LANES numbers. */
void NAME(attention)(const A *q, const A *k, const A *v, const int32_t *first, A *out, A *lse, A *room,
                     int64_t B, int64_t H, int64_t K, int64_t T, int64_t S, int64_t D, const int64_t *qs,
                     const int64_t *ks, const int64_t *vs, const int64_t *os, int64_t first_stride, double scale,
                     int threads) {
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int64_t head = 0; head < B * H; head++) {
        int64_t b = head / H, h = head % H, g = h / (H / K), begin, end, low[LANES], high[LANES];
        A *keys = room + thread_number() * (S * (2 * D + LANES) + 2 * D * LANES), *values = keys + S * D;
        A *scores = values + S * D, *turned = scores + S * LANES, *mixed = turned + D * LANES;
        for (int64_t s = 0; s < S; s++) {
            memcpy(keys + s * D, k + b * ks[0] + g * ks[1] + s * ks[2], D * sizeof(A));
            memcpy(values + s * D, v + b * vs[0] + g * vs[1] + s * vs[2], D * sizeof(A));
        }
        for (int64_t t = 0; t < T; t += LANES) {
            int64_t count = T - t < LANES ? T - t : LANES;
            NAME(seen)(first ? first + b * first_stride : 0, t, T, S, &begin, &end, low, high);
            NAME(turn)(q + b * qs[0] + h * qs[1] + t * qs[2], qs[2], count, D, (A)scale, turned);
            NAME(product)(keys + begin * D, D, 1, end - begin, D, turned, scores, 0);
            NAME(hide)(scores, begin, end, low, high);
            A largest[LANES], sum[LANES];
            for (int64_t w = 0; w < LANES; w++) largest[w] = -INFINITY, sum[w] = 0;
            for (int64_t s = 0; s < end - begin; s++)
                for (int64_t w = 0; w < LANES; w++) {
                    A score = scores[s * LANES + w];
                    largest[w] = score > largest[w] ? score : largest[w];
                }
            for (int64_t w = 0; w < LANES; w++) largest[w] = largest[w] == -INFINITY ? 0 : largest[w];
            for (int64_t s = 0; s < end - begin; s++)
#pragma omp simd
                for (int64_t w = 0; w < LANES; w++) {
                    A weight = EXP(scores[s * LANES + w] - largest[w]);
                    scores[s * LANES + w] = weight;
                    sum[w] += weight;
                }
            NAME(product)(values + begin * D, 1, D, D, end - begin, scores, mixed, 0);
            for (int64_t w = 0; w < count; w++) {
                A *to = out + b * os[0] + h * os[1] + (t + w) * os[2];
                A total = sum[w] == 0 ? 1 : sum[w]; /* a query that sees no key: zeros, and no gradient */
                A share = 1 / total;
                for (int64_t d = 0; d < D; d++) to[d] = mixed[d * LANES + w] * share;
                lse[head * T + t + w] = largest[w] + LOG(total);
            }
        }
    }
}

/* With p the weights and dp = dout v': dv = p' dout, ds = p (dp - sum(dout out)), dq = ds k scale,
 * dk = ds' q scale; the heads that share a key head add up. `room` is for each thread
 * S (2 D + 2 W + 2 LANES) + (3 D + 2 W) LANES numbers, W being D rounded up to LANES. */
void NAME(attention_backward)(const A *dout, const A *q, const A *k, const A *v, const int32_t *first,
                              const A *out, const A *lse, A *dq, A *dk, A *dv, A *room, int64_t B, int64_t H,
                              int64_t K, int64_t T, int64_t S, int64_t D, const int64_t *ds, const int64_t *qs,
                              const int64_t *ks, const int64_t *vs, const int64_t *os, const int64_t *dqs,
                              const int64_t *dks, const int64_t *dvs, int64_t first_stride, double scale,
                              int threads) {
    int64_t W = (D + LANES - 1) / LANES * LANES;
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int64_t group = 0; group < B * K; group++) {
        int64_t b = group / K, g = group % K, begin, end, low[LANES], high[LANES];
        A *keys = room + thread_number() * (S * (2 * D + 2 * W + 2 * LANES) + 3 * D * LANES + 2 * W * LANES);
        A *values = keys + S * D, *dkeys = values + S * D, *dvalues = dkeys + S * W;
        A *weights = dvalues + S * W, *dscores = weights + S * LANES, *turned = dscores + S * LANES;
        A *along = turned + D * LANES, *dturned = along + D * LANES;
        A *rows = dturned + D * LANES, *along_rows = rows + W * LANES;
        for (int64_t s = 0; s < S; s++) {
            memcpy(keys + s * D, k + b * ks[0] + g * ks[1] + s * ks[2], D * sizeof(A));
            memcpy(values + s * D, v + b * vs[0] + g * vs[1] + s * vs[2], D * sizeof(A));
        }
        memset(dkeys, 0, 2 * S * W * sizeof(A));
        for (int64_t h = g * (H / K); h < (g + 1) * (H / K); h++)
            for (int64_t t = 0; t < T; t += LANES) {
                int64_t count = T - t < LANES ? T - t : LANES;
                const A *query = q + b * qs[0] + h * qs[1] + t * qs[2];
                const A *d = dout + b * ds[0] + h * ds[1] + t * ds[2];
                const A *mixed = out + b * os[0] + h * os[1] + t * os[2];
                A dot[LANES] = {}, log_sum[LANES] = {};
                for (int64_t w = 0; w < count; w++) {
                    A sum = 0;
#pragma omp simd reduction(+ : sum)
                    for (int64_t c = 0; c < D; c++) sum += d[w * ds[2] + c] * mixed[w * os[2] + c];
                    dot[w] = sum, log_sum[w] = lse[(b * H + h) * T + t + w];
                }
                NAME(seen)(first ? first + b * first_stride : 0, t, T, S, &begin, &end, low, high);
                NAME(turn)(query, qs[2], count, D, (A)scale, turned);
                NAME(turn)(d, ds[2], count, D, 1, along);
                NAME(part)(query, qs[2], count, LANES, D, rows);
                NAME(part)(d, ds[2], count, LANES, D, along_rows);
                NAME(product)(keys + begin * D, D, 1, end - begin, D, turned, weights, 0);
                NAME(hide)(weights, begin, end, low, high);
                NAME(product)(values + begin * D, D, 1, end - begin, D, along, dscores, 0);
                for (int64_t s = 0; s < end - begin; s++)
#pragma omp simd
                    for (int64_t w = 0; w < LANES; w++) {
                        A weight = EXP(weights[s * LANES + w] - log_sum[w]);
                        weights[s * LANES + w] = weight;
                        dscores[s * LANES + w] = weight * (dscores[s * LANES + w] - dot[w]) * (A)scale;
                    }
                NAME(product)(keys + begin * D, 1, D, D, end - begin, dscores, dturned, 0);
                for (int64_t w = 0; w < count; w++)
                    for (int64_t c = 0; c < D; c++)
                        dq[b * dqs[0] + h * dqs[1] + (t + w) * dqs[2] + c] = dturned[c * LANES + w];
                for (int64_t p = 0; p < W / LANES; p++) {
                    A *dkey = dkeys + (p * S + begin) * LANES, *dvalue = dvalues + (p * S + begin) * LANES;
                    NAME(product)(dscores, LANES, 1, end - begin, count, rows + p * LANES * LANES, dkey, 1);
                    NAME(product)(weights, LANES, 1, end - begin, count, along_rows + p * LANES * LANES, dvalue, 1);
                }
            }
        for (int64_t s = 0; s < S; s++)
            for (int64_t c = 0; c < D; c += LANES) {
                int64_t size = (D - c < LANES ? D - c : LANES) * (int64_t)sizeof(A);
                memcpy(dk + b * dks[0] + g * dks[1] + s * dks[2] + c, dkeys + c * S + s * LANES, size);
                memcpy(dv + b * dvs[0] + g * dvs[1] + s * dvs[2] + c, dvalues + c * S + s * LANES, size);
            }
    }
}
#undef LANES
