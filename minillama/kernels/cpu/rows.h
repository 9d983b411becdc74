/* The kernels for one dtype. kernels.c includes this file once for each, with these defined:
 *
 *   T     a stored element               A     what sums run in: float, or double for double
 *   GET   T -> A                         PUT   A -> T, rounded to nearest even
 *   NAME  a function's name for this dtype
 *
 * A row's elements lie without gaps; rows are `stride` elements apart. Rows are shared out among `threads`,
 * the first part to the first thread and so on, so that a sum over rows comes out the same each time.
 */

/* y = total rstd weight with total = x [+ residual], rstd = 1 / sqrt(mean(total^2) + eps); (N, C). */
void NAME(rms_norm)(const T *x, const T *residual, const A *weight, T *y, T *total, A *rstd, int64_t N,
                    int64_t C, int64_t x_stride, int64_t residual_stride, double eps, int threads) {
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int64_t n = 0; n < N; n++) {
        const T *row = x + n * x_stride;
        A squares = 0;
        if (residual) {
            const T *stream = residual + n * residual_stride;
            T *sum = total + n * C;
#pragma omp simd reduction(+ : squares)
            for (int64_t c = 0; c < C; c++) {
                T kept = PUT(GET(stream[c]) + GET(row[c]));
                sum[c] = kept;
                squares += GET(kept) * GET(kept);
            }
            row = sum;
        } else {
#pragma omp simd reduction(+ : squares)
            for (int64_t c = 0; c < C; c++) squares += GET(row[c]) * GET(row[c]);
        }
        A r = 1 / SQRT(squares / C + (A)eps);
        rstd[n] = r;
#pragma omp simd
        for (int64_t c = 0; c < C; c++) y[n * C + c] = PUT(GET(row[c]) * r * weight[c]);
    }
}

/* With t = total rstd, g = dy weight: dx = rstd (g - t mean(g t)) [+ dtotal]; each thread adds dy t of its
 * rows to its own row of partial (threads, C), which begins as zeros. */
void NAME(rms_norm_backward)(const T *dy, const T *dtotal, const T *total, const A *weight, const A *rstd,
                             T *dx, A *partial, int64_t N, int64_t C, int64_t dy_stride,
                             int64_t dtotal_stride, int64_t total_stride, int threads) {
#pragma omp parallel num_threads(threads)
    {
        A *dweight = partial + thread_number() * C;
#pragma omp for schedule(static)
        for (int64_t n = 0; n < N; n++) {
            const T *d = dy + n * dy_stride, *row = total + n * total_stride;
            A r = rstd[n], dot = 0;
#pragma omp simd reduction(+ : dot)
            for (int64_t c = 0; c < C; c++) dot += GET(d[c]) * weight[c] * (GET(row[c]) * r);
            A mean = dot / C;
            if (dtotal) {
                const T *along = dtotal + n * dtotal_stride;
#pragma omp simd
                for (int64_t c = 0; c < C; c++) {
                    A t = GET(row[c]) * r, g = GET(d[c]);
                    dweight[c] += g * t;
                    dx[n * C + c] = PUT(r * (g * weight[c] - t * mean) + GET(along[c]));
                }
            } else {
#pragma omp simd
                for (int64_t c = 0; c < C; c++) {
                    A t = GET(row[c]) * r, g = GET(d[c]);
                    dweight[c] += g * t;
                    dx[n * C + c] = PUT(r * (g * weight[c] - t * mean));
                }
            }
        }
    }
}

/* Turn pair (i, i + half) of every head by its position's angle; x and out are (B, heads, T, 2 half) with
 * strides s and o of the first three axes, cos and sin (T, half). sign -1 turns back. */
void NAME(rope)(const T *x, T *out, const A *cos, const A *sin, int64_t B, int64_t heads, int64_t positions,
                int64_t half, const int64_t *s, const int64_t *o, double sign, int threads) {
#pragma omp parallel for num_threads(threads) schedule(static) collapse(2)
    for (int64_t b = 0; b < B; b++)
        for (int64_t t = 0; t < positions; t++)
            for (int64_t h = 0; h < heads; h++) {
                const T *from = x + b * s[0] + h * s[1] + t * s[2];
                T *to = out + b * o[0] + h * o[1] + t * o[2];
#pragma omp simd
                for (int64_t i = 0; i < half; i++) {
                    A c = cos[t * half + i], d = (A)sign * sin[t * half + i];
                    A first = GET(from[i]), second = GET(from[half + i]);
                    to[i] = PUT(first * c - second * d);
                    to[half + i] = PUT(second * c + first * d);
                }
            }
}

/* y = g s u with s = sigmoid(g); (N, F). */
void NAME(swiglu)(const T *gate, const T *up, T *y, int64_t N, int64_t F, int64_t gate_stride,
                  int64_t up_stride, int threads) {
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int64_t n = 0; n < N; n++) {
        const T *gates = gate + n * gate_stride, *ups = up + n * up_stride;
#pragma omp simd
        for (int64_t f = 0; f < F; f++) {
            A g = GET(gates[f]);
            y[n * F + f] = PUT(g / (1 + EXP(-g)) * GET(ups[f]));
        }
    }
}

/* dup = dy g s, dgate = dy u s (1 + g (1 - s)). */
void NAME(swiglu_backward)(const T *dy, const T *gate, const T *up, T *dgate, T *dup, int64_t N, int64_t F,
                           int64_t dy_stride, int64_t gate_stride, int64_t up_stride, int threads) {
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int64_t n = 0; n < N; n++) {
        const T *gates = gate + n * gate_stride, *ups = up + n * up_stride, *d = dy + n * dy_stride;
#pragma omp simd
        for (int64_t f = 0; f < F; f++) {
            A g = GET(gates[f]), s = 1 / (1 + EXP(-g)), along = GET(d[f]);
            dgate[n * F + f] = PUT(along * GET(ups[f]) * s * (1 + g * (1 - s)));
            dup[n * F + f] = PUT(along * g * s);
        }
    }
}

/* nats = log Z - logit[target], 0 where the target is ignored; log_z = log sum exp(logits); (N, V).
 * Returns how many targets are neither `ignored` nor one of the V. */
int64_t NAME(cross_entropy)(const T *logits, const int64_t *targets, A *nats, A *log_z, int64_t N, int64_t V,
                            int64_t stride, int64_t ignored, int threads) {
    int64_t wrong = 0;
#pragma omp parallel for num_threads(threads) schedule(static) reduction(+ : wrong)
    for (int64_t n = 0; n < N; n++) {
        const T *row = logits + n * stride;
        A largest = GET(row[0]), sum = 0;
#pragma omp simd reduction(max : largest)
        for (int64_t v = 0; v < V; v++) largest = GET(row[v]) > largest ? GET(row[v]) : largest;
#pragma omp simd reduction(+ : sum)
        for (int64_t v = 0; v < V; v++) sum += EXP(GET(row[v]) - largest);
        log_z[n] = largest + LOG(sum);
        int known = targets[n] >= 0 && targets[n] < V;
        wrong += !known && targets[n] != ignored;
        nats[n] = known ? LOG(sum) - (GET(row[targets[n]]) - largest) : 0;
    }
    return wrong;
}

/* out = scale (p (1 + 2 z_loss log Z) - onehot), zeros where the target is ignored; out may be logits. */
void NAME(cross_entropy_backward)(const T *logits, const int64_t *targets, const A *log_z, T *out, int64_t N,
                                  int64_t V, int64_t stride, int64_t out_stride, double scale, double z_loss,
                                  int threads) {
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int64_t n = 0; n < N; n++) {
        const T *row = logits + n * stride;
        T *to = out + n * out_stride;
        if (targets[n] < 0) {
            for (int64_t v = 0; v < V; v++) to[v] = PUT(0);
            continue;
        }
        A z = log_z[n], all = (A)scale * (1 + 2 * (A)z_loss * z);
        A one = EXP(GET(row[targets[n]]) - z) * all - (A)scale;
#pragma omp simd
        for (int64_t v = 0; v < V; v++) to[v] = PUT(EXP(GET(row[v]) - z) * all);
        to[targets[n]] = PUT(one);
    }
}

/* One update of AdamW over n numbers; first and second are 1 - beta^step. */
void NAME(adamw)(T *p, const T *g, T *mean, T *square, int64_t n, double lr, double beta1, double beta2,
                 double eps, double weight_decay, double first, double second, int threads) {
    A keep1 = beta1, keep2 = beta2, new1 = 1 - beta1, new2 = 1 - beta2, shrink = 1 - lr * weight_decay;
    A rate = lr / first, unbias = 1 / second, small = eps;
#pragma omp parallel for simd num_threads(threads) schedule(static)
    for (int64_t i = 0; i < n; i++) {
        A d = GET(g[i]), m = keep1 * GET(mean[i]) + new1 * d, s = keep2 * GET(square[i]) + new2 * d * d;
        mean[i] = PUT(m);
        square[i] = PUT(s);
        p[i] = PUT(shrink * GET(p[i]) - rate * m / (SQRT(s * unbias) + small));
    }
}
