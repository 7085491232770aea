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

/* a -= v w^T + w v^T on the first k rows, and p = a x of the result, in one pass. */
INLINE void ISA(update_and_multiply)(lanes *a, Py_ssize_t n, Py_ssize_t k, const lanes *v,
                                const lanes *w, const lanes *x, lanes *p)
{
    const lanes zero = {0};
    Py_ssize_t i = 0;
    for (Py_ssize_t j = 0; j < k; j++)
        p[j] = zero;
#if FOUR_ROWS
    for (; i + 3 < k; i += 4) {
        lanes *r = a + i * n, *s = r + n, *t = s + n, *u = t + n;
        lanes v0 = v[i], w0 = w[i], x0 = x[i], sum0 = zero;
        lanes v1 = v[i + 1], w1 = w[i + 1], x1 = x[i + 1], sum1 = zero;
        lanes v2 = v[i + 2], w2 = w[i + 2], x2 = x[i + 2], sum2 = zero;
        lanes v3 = v[i + 3], w3 = w[i + 3], x3 = x[i + 3], sum3 = zero;
        for (Py_ssize_t j = 0; j < i; j++) {
            lanes vj = v[j], wj = w[j], xj = x[j], pj = p[j];
            lanes b = r[j], c = s[j], d = t[j], e = u[j];
            b -= v0 * wj;
            c -= v1 * wj;
            d -= v2 * wj;
            e -= v3 * wj;
            b -= w0 * vj;
            c -= w1 * vj;
            d -= w2 * vj;
            e -= w3 * vj;
            r[j] = b;
            s[j] = c;
            t[j] = d;
            u[j] = e;
            pj += b * x0;
            sum0 += b * xj;
            pj += c * x1;
            sum1 += c * xj;
            pj += d * x2;
            sum2 += d * xj;
            pj += e * x3;
            sum3 += e * xj;
            p[j] = pj;
        }
        /* The four rows' own columns, in the order of the loops for two rows. */
        lanes d0 = r[i], b = s[i], d1 = s[i + 1], c0 = t[i], c1 = t[i + 1], d2 = t[i + 2];
        lanes e0 = u[i], e1 = u[i + 1], e2 = u[i + 2], d3 = u[i + 3];
        d0 -= v0 * w0;
        d0 -= w0 * v0;
        b -= v1 * w0;
        b -= w1 * v0;
        d1 -= v1 * w1;
        d1 -= w1 * v1;
        c0 -= v2 * w0;
        c0 -= w2 * v0;
        c1 -= v2 * w1;
        c1 -= w2 * v1;
        d2 -= v2 * w2;
        d2 -= w2 * v2;
        e0 -= v3 * w0;
        e0 -= w3 * v0;
        e1 -= v3 * w1;
        e1 -= w3 * v1;
        e2 -= v3 * w2;
        e2 -= w3 * v2;
        d3 -= v3 * w3;
        d3 -= w3 * v3;
        r[i] = d0;
        s[i] = b;
        s[i + 1] = d1;
        t[i] = c0;
        t[i + 1] = c1;
        t[i + 2] = d2;
        u[i] = e0;
        u[i + 1] = e1;
        u[i + 2] = e2;
        u[i + 3] = d3;
        sum0 += d0 * x0;
        sum0 += b * x1;
        sum1 += b * x0;
        sum1 += d1 * x1;
        sum0 += c0 * x2;
        sum2 += c0 * x0;
        sum0 += e0 * x3;
        sum3 += e0 * x0;
        sum1 += c1 * x2;
        sum2 += c1 * x1;
        sum1 += e1 * x3;
        sum3 += e1 * x1;
        sum2 += d2 * x2;
        sum2 += e2 * x3;
        sum3 += e2 * x2;
        sum3 += d3 * x3;
        p[i] = sum0;
        p[i + 1] = sum1;
        p[i + 2] = sum2;
        p[i + 3] = sum3;
    }
#endif
    for (; i + 1 < k; i += 2) {
        lanes *r = a + i * n, *s = r + n;
        lanes v0 = v[i], w0 = w[i], x0 = x[i], sum0 = zero;
        lanes v1 = v[i + 1], w1 = w[i + 1], x1 = x[i + 1], sum1 = zero;
        for (Py_ssize_t j = 0; j < i; j++) {
            lanes vj = v[j], wj = w[j], xj = x[j], pj = p[j];
            lanes b = r[j], c = s[j];
            b -= v0 * wj;
            c -= v1 * wj;
            b -= w0 * vj;
            c -= w1 * vj;
            r[j] = b;
            s[j] = c;
            pj += b * x0;
            sum0 += b * xj;
            pj += c * x1;
            sum1 += c * xj;
            p[j] = pj;
        }
        lanes d0 = r[i], b = s[i], d1 = s[i + 1];
        d0 -= v0 * w0;
        d0 -= w0 * v0;
        b -= v1 * w0;
        b -= w1 * v0;
        d1 -= v1 * w1;
        d1 -= w1 * v1;
        r[i] = d0;
        s[i] = b;
        s[i + 1] = d1;
        sum0 += d0 * x0;
        sum0 += b * x1;
        sum1 += b * x0;
        sum1 += d1 * x1;
        p[i] = sum0;
        p[i + 1] = sum1;
    }
    if (i < k) {
        lanes *r = a + i * n;
        lanes vi = v[i], wi = w[i], xi = x[i], sum = zero;
        for (Py_ssize_t j = 0; j < i; j++) {
            lanes b = r[j];
            b -= vi * w[j];
            b -= wi * v[j];
            r[j] = b;
            p[j] += b * xi;
            sum += b * x[j];
        }
        lanes b = r[i];
        b -= vi * wi;
        b -= wi * vi;
        r[i] = b;
        sum += b * xi;
        p[i] = sum;
    }
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
