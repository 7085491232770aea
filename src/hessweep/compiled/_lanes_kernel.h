/* The solver of _lanes.c for one instruction set, which includes this file once for each.

   Before: LANES, the doubles in a register of that set; GROUPS, the registers that are iterated by
   turns; FOUR_ROWS, whether the set has registers for four rows of a matrix; and ISA(name), the name
   with a suffix of the set. Wider vectors than a register go through memory, 6 times slower.
   Defines ISA(solve). */

#define lanes ISA(lanes)
#define mask ISA(mask)

typedef double lanes __attribute__((vector_size(8 * LANES)));
typedef long long mask __attribute__((vector_size(8 * LANES)));

/* The Householder vector that turns row k of the k + 1 rows left into (0, ..., 0, e, d). */
INLINE void ISA(householder)(const lanes *row, Py_ssize_t k, lanes *x, lanes *tau, lanes *e2)
{
    const lanes zero = {0}, one = SPLAT(1.0);
    lanes tail = zero;
    for (Py_ssize_t j = 0; j < k - 1; j++)
        tail += row[j] * row[j];
    lanes alpha = row[k - 1], own = alpha * alpha, length;
    ROUND(own);
    lanes square = own + tail;
    SQRT(length, square);
    /* Squares this small have lost digits to underflow, and a vector made from them would not
       be a reflection; entries this small, beside a largest of 1, are nothing. */
    mask trivial = (mask)(tail <= SPLAT(1e-280));
    lanes beta = SELECT(alpha > zero, -length, length);
    lanes scale = SELECT(trivial, zero, one / SELECT(trivial, one, alpha - beta));
    *tau = SELECT(trivial, zero, (beta - alpha) / SELECT(trivial, one, beta));
    *e2 = SELECT(trivial, own, square);
    for (Py_ssize_t j = 0; j < k - 1; j++)
        x[j] = row[j] * scale;
    x[k - 1] = one;
}

/* Rows i to i + rows - 1 of `update_and_multiply`. The number of rows is a constant of each call, so
   that the loops over them become straight code and their arrays registers. Each entry of p is a
   sum in ascending order of columns, whatever the number of rows. */
INLINE void ISA(update_rows)(const int rows, lanes *a, Py_ssize_t n, Py_ssize_t i, const lanes *v,
                             const lanes *w, const lanes *x, lanes *p)
{
    const lanes zero = {0};
    lanes *r[4], vi[4], wi[4], xi[4], sum[4], own[4][4];
#pragma GCC unroll 4
    for (int s = 0; s < rows; s++) {
        r[s] = a + (i + s) * n;
        vi[s] = v[i + s];
        wi[s] = w[i + s];
        xi[s] = x[i + s];
        sum[s] = zero;
    }
    for (Py_ssize_t j = 0; j < i; j++) {
        lanes vj = v[j], wj = w[j], xj = x[j], pj = p[j], b[4];
#pragma GCC unroll 4
        for (int s = 0; s < rows; s++)
            b[s] = r[s][j];
#pragma GCC unroll 4
        for (int s = 0; s < rows; s++)
            b[s] -= vi[s] * wj;
#pragma GCC unroll 4
        for (int s = 0; s < rows; s++)
            b[s] -= wi[s] * vj;
#pragma GCC unroll 4
        for (int s = 0; s < rows; s++)
            r[s][j] = b[s];
#pragma GCC unroll 4
        for (int s = 0; s < rows; s++) {
            pj += b[s] * xi[s];
            sum[s] += b[s] * xj;
        }
        p[j] = pj;
    }
    /* The columns of these rows: a triangle, whose mirror image is not stored. */
#pragma GCC unroll 4
    for (int s = 0; s < rows; s++)
#pragma GCC unroll 4
        for (int t = 0; t <= s; t++) {
            lanes b = r[s][i + t];
            b -= vi[s] * wi[t];
            b -= wi[s] * vi[t];
            r[s][i + t] = own[s][t] = own[t][s] = b;
        }
#pragma GCC unroll 4
    for (int s = 0; s < rows; s++) {
#pragma GCC unroll 4
        for (int t = 0; t < rows; t++)
            sum[s] += own[s][t] * xi[t];
        p[i + s] = sum[s];
    }
}

/* a -= v w^T + w v^T on the first k rows, and p = a x of the result, in one pass. */
INLINE void ISA(update_and_multiply)(lanes *a, Py_ssize_t n, Py_ssize_t k, const lanes *v,
                                     const lanes *w, const lanes *x, lanes *p)
{
    const lanes zero = {0};
    Py_ssize_t i = 0;
    for (Py_ssize_t j = 0; j < k; j++)
        p[j] = zero;
#if FOUR_ROWS
    for (; i + 3 < k; i += 4)
        ISA(update_rows)(4, a, n, i, v, w, x, p);
#endif
    for (; i + 1 < k; i += 2)
        ISA(update_rows)(2, a, n, i, v, w, x, p);
    if (i < k)
        ISA(update_rows)(1, a, n, i, v, w, x, p);
}

/* Reduce the lower triangles a to diagonals d and squared off-diagonals e2 (e2[k]: k, k + 1). */
INLINE void ISA(tridiagonalise)(lanes *a, Py_ssize_t n, lanes *d, lanes *e2, lanes *work)
{
    const lanes zero = {0}, half = SPLAT(0.5);
    lanes *v = work, *w = v + n, *x = w + n, *p = x + n;
    for (Py_ssize_t j = 0; j < n; j++)
        v[j] = w[j] = zero;
    for (Py_ssize_t k = n - 1; k > 0; k--) {
        lanes *row = a + k * n, tau, dot = zero;
        lanes vk = v[k], wk = w[k];
        for (Py_ssize_t j = 0; j <= k; j++) {
            lanes b = row[j];
            b -= vk * w[j];
            b -= wk * v[j];
            row[j] = b;
        }
        d[k] = row[k];
        ISA(householder)(row, k, x, &tau, &e2[k - 1]);
        ISA(update_and_multiply)(a, n, k, v, w, x, p);
        for (Py_ssize_t j = 0; j < k; j++)
            dot += p[j] * x[j];
        dot = half * tau * tau * dot;
        for (Py_ssize_t j = 0; j < k; j++) {
            lanes scaled = tau * p[j];
            ROUND(scaled);
            scaled -= dot * x[j];
            w[j] = scaled;
            v[j] = x[j];
        }
    }
    /* The last update has no product to be fused with. */
    lanes first = a[0];
    d[0] = first;
    e2[n - 1] = zero;
}

/* One QL sweep of every lane from the last row up to its own row l, with its own shift.

   GROUPS registers take turns: each step waits for its divisions, and those of the other group fill
   the time. */
INLINE void ISA(sweep)(lanes *d, lanes *e2, Py_ssize_t n, const Py_ssize_t *l, const mask *row_l)
{
    const lanes zero = {0}, one = SPLAT(1.0);
    Py_ssize_t top = n - 1;
    lanes sigma[GROUPS], c[GROUPS], s[GROUPS], gamma[GROUPS], p[GROUPS];
    for (int g = 0; g < GROUPS; g++) {
        lanes dl, dnext, el, rte, r;
        for (int t = 0; t < LANES; t++) {
            Py_ssize_t own = l[g * LANES + t], at = own < n - 1 ? own : n - 2;
            dl[t] = d[g * n + at][t];
            dnext[t] = d[g * n + at + 1][t];
            el[t] = e2[g * n + at][t];
            top = at < top ? at : top;
        }
        SQRT(rte, el);
        rte = SELECT(rte == zero, one, rte);
        lanes shift = (dnext - dl) / (rte + rte), root = shift * shift + one;
        SQRT(r, root);
        shift = dl - rte / (shift + SELECT(shift < zero, -r, r));
        lanes first = d[g * n + n - 1] - shift, square = first * first;
        ROUND(square);
        sigma[g] = shift;
        c[g] = one;
        s[g] = zero;
        gamma[g] = first;
        p[g] = square;
    }
    for (Py_ssize_t i = n - 2; i >= top; i--) {
#pragma GCC unroll 4
        for (int g = 0; g < GROUPS; g++) {
            lanes *dg = d + g * n, *eg = e2 + g * n;
            mask on = (mask)(row_l[g] <= (long long)i);
            lanes bb = eg[i], alpha = dg[i], below = eg[i + 1], r = p[g] + bb;
            mask empty = (mask)(r == zero);
            lanes safe = SELECT(empty, one, r);
            /* Not by a shared 1 / r: its error would be common to c and s and pile up. */
            lanes c_new = SELECT(empty, one, p[g] / safe), s_new = bb / safe;
            lanes gain = c_new * (alpha - sigma[g]);
            ROUND(gain);
            lanes gamma_new = gain - s_new * gamma[g];
            lanes d_new = gamma[g] + (alpha - gamma_new);
            /* gamma² / c as gamma² (r / p): that division is not in the chain from p to the next
               p. Where it would overflow, gamma² / c has its limit for p = 0. */
            mask flat = (mask)(p[g] <= SPLAT(1e-280) * bb) & ~empty;
            lanes upon_c = SELECT(empty, one, r / SELECT(flat | empty, one, p[g]));
            lanes p_new = SELECT(flat, c[g] * bb, gamma_new * gamma_new * upon_c);
            dg[i + 1] = SELECT(on, d_new, dg[i + 1]);
            eg[i + 1] = i == n - 2 ? below : SELECT(on, s[g] * r, below);
            c[g] = SELECT(on, c_new, c[g]);
            s[g] = SELECT(on, s_new, s[g]);
            gamma[g] = SELECT(on, gamma_new, gamma[g]);
            p[g] = SELECT(on, p_new, p[g]);
        }
    }
    for (int g = 0; g < GROUPS; g++) {
        lanes el_new = s[g] * p[g], dl_new = sigma[g] + gamma[g];
        for (int t = 0; t < LANES; t++) {
            Py_ssize_t own = l[g * LANES + t];
            if (own < n - 1) {
                e2[g * n + own][t] = el_new[t];
                d[g * n + own][t] = dl_new[t];
            }
        }
    }
}

/* Turn d into the eigenvalues, unordered; return the lanes that did not converge, as bits. */
INLINE unsigned ISA(iterate)(lanes *d, lanes *e2, Py_ssize_t n)
{
    Py_ssize_t l[GROUPS * LANES] = {0}, sweeps = 0;
    mask row_l[GROUPS] = {{0}};
    for (;;) {
        unsigned running = 0;
        for (int s = 0; s < GROUPS * LANES; s++) {
            lanes *own_d = d + s / LANES * n, *own_e2 = e2 + s / LANES * n;
            int t = s % LANES;
            while (l[s] < n - 1) {
                Py_ssize_t i = l[s];
                double size = fabs(own_d[i][t] * own_d[i + 1][t]) + DBL_EPSILON * DBL_EPSILON;
                if (!(own_e2[i][t] <= DBL_EPSILON * DBL_EPSILON / 4 * size))
                    break;
                own_e2[i][t] = 0;
                l[s]++;
            }
            row_l[s / LANES][t] = l[s] < n - 1 ? l[s] : n;
            running |= (unsigned)(l[s] < n - 1) << s;
        }
        if (!running || sweeps++ >= SWEEPS_PER_EIGENVALUE * n)
            return running;
        ISA(sweep)(d, e2, n, l, row_l);
    }
}

/* The largest absolute value of the upper triangle. */
INLINE double ISA(largest)(const double *m, Py_ssize_t n)
{
    const lanes zero = {0};
    lanes top = zero;
    double largest = 0;
    for (Py_ssize_t i = 0; i < n; i++) {
        Py_ssize_t j = i;
        for (; j + LANES <= n; j += LANES) {
            lanes x;
            memcpy(&x, m + i * n + j, sizeof x);
            x = SELECT(x < zero, -x, x);
            top = SELECT(x > top, x, top);
        }
        for (; j < n; j++)
            largest = fabs(m[i * n + j]) > largest ? fabs(m[i * n + j]) : largest;
    }
    for (int s = 0; s < LANES; s++)
        largest = top[s] > largest ? top[s] : largest;
    return largest;
}

/* The eigenvalues of `count` <= GROUPS * LANES matrices; return those that failed, as bits.
   Bits from `count` on mean nothing. */
static unsigned ISA(solve)(const double *matrices, double *out, Py_ssize_t n, int count, void *work)
{
    lanes *a = work, *d = a + n * n, *e2 = d + GROUPS * n, *vectors = e2 + GROUPS * n;
    double unit[GROUPS * LANES];
    for (int g = 0; g < GROUPS; g++) {
        const double *m[LANES];
        lanes scale;
        if (g * LANES >= count) { /* Zeros converge at once. */
            memset(d + g * n, 0, sizeof(lanes) * (size_t)n);
            memset(e2 + g * n, 0, sizeof(lanes) * (size_t)n);
            continue;
        }
        for (int s = 0; s < LANES; s++) {
            int exponent = 0, place = g * LANES + s;
            /* Spare lanes repeat the last matrix. */
            m[s] = matrices + (place < count ? place : count - 1) * n * n;
            /* A power of two loses no bits, and then no square overflows or matters if lost. */
            frexp(ISA(largest)(m[s], n), &exponent);
            /* Subnormal entries and the largest of all: as near as the power is a double. */
            exponent = exponent < -1022 ? -1022 : exponent > 1023 ? 1023 : exponent;
            unit[place] = ldexp(1.0, exponent);
            scale[s] = ldexp(1.0, -exponent);
        }
        for (Py_ssize_t i = 0; i < n; i++)
            for (Py_ssize_t j = 0; j <= i; j++) {
                lanes entry;
                for (int s = 0; s < LANES; s++)
                    entry[s] = m[s][j * n + i];
                a[i * n + j] = entry * scale;
            }
        ISA(tridiagonalise)(a, n, d + g * n, e2 + g * n, vectors);
    }
    unsigned failed = ISA(iterate)(d, e2, n);
    for (int s = 0; s < count; s++)
        for (Py_ssize_t i = 0; i < n; i++)
            out[s * n + i] = d[s / LANES * n + i][s % LANES] * unit[s];
    return failed;
}

#undef lanes
#undef mask
