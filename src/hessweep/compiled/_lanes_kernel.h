/* The solver of _lanes.c for one instruction set, which includes this file once for each.

   Before: LANES, the doubles in a register of that set, and ISA(name), the name with a suffix of
   the set. Wider vectors than a register go through memory, 6 times slower. Defines ISA(solve). */

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

/* One QL sweep of every lane from the last row up to its own row l, with its own shift. */
INLINE void ISA(sweep)(lanes *d, lanes *e2, Py_ssize_t n, const Py_ssize_t *l, mask row_l)
{
    const lanes zero = {0}, one = SPLAT(1.0);
    Py_ssize_t top = n - 1;
    lanes dl, dnext, el, rte, r;
    for (int s = 0; s < LANES; s++) {
        Py_ssize_t at = l[s] < n - 1 ? l[s] : n - 2;
        dl[s] = d[at][s];
        dnext[s] = d[at + 1][s];
        el[s] = e2[at][s];
        top = at < top ? at : top;
    }
    SQRT(rte, el);
    rte = SELECT(rte == zero, one, rte);
    lanes sigma = (dnext - dl) / (rte + rte), root = sigma * sigma + one;
    SQRT(r, root);
    sigma = dl - rte / (sigma + SELECT(sigma < zero, -r, r));

    lanes c = one, s = zero, gamma = d[n - 1] - sigma, p = gamma * gamma;
    ROUND(p);
    for (Py_ssize_t i = n - 2; i >= top; i--) {
        mask on = (mask)(row_l <= (long long)i);
        lanes bb = e2[i], alpha = d[i], below = e2[i + 1];
        r = p + bb;
        mask empty = (mask)(r == zero);
        lanes safe = SELECT(empty, one, r);
        /* Not by a shared 1 / r: its error would be common to c and s and pile up. */
        lanes c_new = SELECT(empty, one, p / safe), s_new = bb / safe;
        lanes gain = c_new * (alpha - sigma);
        ROUND(gain);
        lanes gamma_new = gain - s_new * gamma;
        lanes d_new = gamma + (alpha - gamma_new);
        /* gamma² / c as gamma² (r / p): that division is not in the chain from p to the next p.
           Where it would overflow, gamma² / c has its limit for p = 0. */
        mask flat = (mask)(p <= SPLAT(1e-280) * bb) & ~empty;
        lanes upon_c = SELECT(empty, one, r / SELECT(flat | empty, one, p));
        lanes p_new = SELECT(flat, c * bb, gamma_new * gamma_new * upon_c);
        d[i + 1] = SELECT(on, d_new, d[i + 1]);
        e2[i + 1] = i == n - 2 ? below : SELECT(on, s * r, below);
        c = SELECT(on, c_new, c);
        s = SELECT(on, s_new, s);
        gamma = SELECT(on, gamma_new, gamma);
        p = SELECT(on, p_new, p);
    }
    lanes el_new = s * p, dl_new = sigma + gamma;
    for (int t = 0; t < LANES; t++)
        if (l[t] < n - 1) {
            e2[l[t]][t] = el_new[t];
            d[l[t]][t] = dl_new[t];
        }
}

/* Turn d into the eigenvalues, unordered; return the lanes that did not converge, as bits. */
INLINE int ISA(iterate)(lanes *d, lanes *e2, Py_ssize_t n)
{
    Py_ssize_t l[LANES] = {0}, sweeps = 0;
    mask row_l = {0};
    for (;;) {
        int running = 0;
        for (int s = 0; s < LANES; s++) {
            while (l[s] < n - 1) {
                Py_ssize_t i = l[s];
                double size = fabs(d[i][s] * d[i + 1][s]) + DBL_EPSILON * DBL_EPSILON;
                if (!(e2[i][s] <= DBL_EPSILON * DBL_EPSILON / 4 * size))
                    break;
                e2[i][s] = 0;
                l[s]++;
            }
            row_l[s] = l[s] < n - 1 ? l[s] : n;
            running |= (l[s] < n - 1) << s;
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

/* The eigenvalues of `count` <= LANES matrices; return those that failed, as bits. */
static int ISA(solve)(const double *matrices, double *out, Py_ssize_t n, int count, void *work)
{
    lanes *a = work, *d = a + n * n, *e2 = d + n, *vectors = e2 + n;
    const double *m[LANES];
    lanes scale;
    double unit[LANES];
    int failed;
    for (int s = 0; s < LANES; s++) {
        int exponent = 0;
        /* Spare lanes repeat the last matrix. */
        m[s] = matrices + (s < count ? s : count - 1) * n * n;
        /* A power of two loses no bits, and then no square overflows or matters if lost. */
        frexp(ISA(largest)(m[s], n), &exponent);
        /* Subnormal entries and the largest of all: as near as the power is a double. */
        exponent = exponent < -1022 ? -1022 : exponent > 1023 ? 1023 : exponent;
        unit[s] = ldexp(1.0, exponent);
        scale[s] = ldexp(1.0, -exponent);
    }
    for (Py_ssize_t i = 0; i < n; i++)
        for (Py_ssize_t j = 0; j <= i; j++) {
            lanes entry;
            for (int s = 0; s < LANES; s++)
                entry[s] = m[s][j * n + i];
            a[i * n + j] = entry * scale;
        }
    ISA(tridiagonalise)(a, n, d, e2, vectors);
    failed = ISA(iterate)(d, e2, n);
    for (int s = 0; s < count; s++)
        for (Py_ssize_t i = 0; i < n; i++)
            out[s * n + i] = d[i][s] * unit[s];
    return failed & ((1 << count) - 1);
}

#undef lanes
#undef mask
