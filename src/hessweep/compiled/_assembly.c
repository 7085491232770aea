/* Assembles stacks of Hessians (docs/mathematics.md, sec. 2, eqs 11-13 and 16-19) in one pass over their memory.

   In numpy the same costs six passes over strided rows: for small networks more than their
   eigenvalues do. hessian.py, its only caller, has the shapes and the formulas. */

#define Py_LIMITED_API 0x030B0000
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <string.h>

#if defined(__x86_64__) && defined(__linux__) && defined(__GNUC__) && !defined(__clang__)
#define CLONES __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define CLONES
#endif

/* The block of neurons m and p: w_p (cc w_m + qc w_p)^T + w_m (cc w_p + pc w_m)^T + c I. */
CLONES static void block(double *restrict H, Py_ssize_t P, Py_ssize_t N_i,
                         const double *restrict w_m, const double *restrict w_p,
                         double c, double cc, double pc, double qc, double *restrict u)
{
    double *restrict v = u + N_i;
    for (Py_ssize_t q = 0; q < N_i; q++) {
        u[q] = cc * w_m[q] + qc * w_p[q];
        v[q] = cc * w_p[q] + pc * w_m[q];
    }
    for (Py_ssize_t n = 0; n < N_i; n++) {
        double *restrict row = H + n * P, along_u = w_p[n], along_v = w_m[n];
        for (Py_ssize_t q = 0; q < N_i; q++)
            row[q] = along_u * u[q] + along_v * v[q];
        row[n] += c;
    }
}

/* The rows of C of neuron m: in column k `W2_m (K_c(k, m) w_k + 2 K_q(k, m) w_m)`. */
CLONES static void last_columns(double *restrict C, Py_ssize_t P, Py_ssize_t N_h, Py_ssize_t N_i,
                                Py_ssize_t m, const double *restrict W1, double W2_m,
                                const double *restrict K_q, const double *restrict K_c,
                                double *restrict along_k)
{
    double *restrict along_m = along_k + N_h;
    for (Py_ssize_t k = 0; k < N_h; k++) {
        along_k[k] = W2_m * K_c[k * N_h + m];
        along_m[k] = 2 * W2_m * K_q[k * N_h + m];
    }
    for (Py_ssize_t n = 0; n < N_i; n++)
        for (Py_ssize_t k = 0; k < N_h; k++)
            C[n * P + k] = along_k[k] * W1[k * N_i + n] + along_m[k] * W1[m * N_i + n];
}

enum { IN_W1, IN_W2, IN_K, IN_K_Q, IN_K_C, IN_K_CC, IN_K_QC, INPUTS };

static void assemble_one(const double *const in[INPUTS], double *H, Py_ssize_t N_h, Py_ssize_t N_i,
                         double *work)
{
    const double *W1 = in[IN_W1], *W2 = in[IN_W2], *K_qc = in[IN_K_QC];
    Py_ssize_t P1 = N_h * N_i, P = P1 + N_h;
    for (Py_ssize_t m = 0; m < N_h; m++) {
        for (Py_ssize_t p = m; p < N_h; p++) {
            double z = W2[m] * W2[p];
            Py_ssize_t mp = m * N_h + p, pm = p * N_h + m;
            block(H + m * N_i * P + p * N_i, P, N_i, W1 + m * N_i, W1 + p * N_i,
                  z * in[IN_K_C][mp], z * in[IN_K_CC][mp], 2 * z * K_qc[pm], 2 * z * K_qc[mp],
                  work);
        }
        last_columns(H + m * N_i * P + P1, P, N_h, N_i, m, W1, W2[m], in[IN_K_Q], in[IN_K_C],
                     work);
        memcpy(H + (P1 + m) * P + P1, in[IN_K] + m * N_h, sizeof(double) * (size_t)N_h);
    }
}

static PyObject *assemble(PyObject *self, PyObject *args)
{
    Py_buffer in[INPUTS], H;
    Py_ssize_t S, N_h, N_i;
    (void)self;
    if (!PyArg_ParseTuple(args, "(y*y*y*y*y*y*y*)w*nnn", &in[IN_W1], &in[IN_W2], &in[IN_K],
                          &in[IN_K_Q], &in[IN_K_C], &in[IN_K_CC], &in[IN_K_QC], &H, &S, &N_h,
                          &N_i))
        return NULL;
    Py_ssize_t P = N_h * (N_i + 1), sizes[INPUTS] = {N_h * N_i, N_h};
    double *work = PyMem_Malloc(2 * sizeof(double) * (size_t)(N_i > N_h ? N_i : N_h));
    int fits = H.len == 8 * S * P * P;
    for (int i = 0; i < INPUTS; i++) {
        if (i >= IN_K)
            sizes[i] = N_h * N_h;
        fits &= in[i].len == 8 * S * sizes[i];
    }
    if (!work)
        PyErr_NoMemory();
    else if (!fits)
        PyErr_SetString(PyExc_ValueError, "expected contiguous float64 arrays of fitting shapes");
    else {
        Py_BEGIN_ALLOW_THREADS
        for (Py_ssize_t s = 0; s < S; s++) {
            const double *of_s[INPUTS];
            for (int i = 0; i < INPUTS; i++)
                of_s[i] = (const double *)in[i].buf + s * sizes[i];
            assemble_one(of_s, (double *)H.buf + s * P * P, N_h, N_i, work);
        }
        Py_END_ALLOW_THREADS
    }
    PyMem_Free(work);
    for (int i = 0; i < INPUTS; i++)
        PyBuffer_Release(&in[i]);
    PyBuffer_Release(&H);
    if (PyErr_Occurred())
        return NULL;
    Py_RETURN_NONE;
}

static PyMethodDef methods[] = {
    {"assemble", assemble, METH_VARARGS,
     "assemble((W1, W2, K, K_q, K_c, K_cc, K_qc), H, S, N_h, N_i): fill the upper triangles of H"},
    {NULL, NULL, 0, NULL}};

static struct PyModuleDef module = {
    PyModuleDef_HEAD_INIT, "_assembly", "Stacks of Hessians in one pass.", -1, methods,
    NULL, NULL, NULL, NULL};

PyMODINIT_FUNC PyInit__assembly(void) { return PyModule_Create(&module); }
