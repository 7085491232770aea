/* Assembles the blocks of W1 with itself in stacks of Hessians of networks with biases, several outputs and any normal
   inputs (docs/biases.md, sec. 1) in one pass over their memory. hessian/general.py, its only caller, has the shapes and
   the formulas. */

#define Py_LIMITED_API 0x030B0000
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#if defined(__x86_64__) && defined(__linux__) && defined(__GNUC__) && !defined(__clang__)
#define CLONES __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define CLONES
#endif

enum { IN_V, IN_Z11, IN_Z12, IN_Z13, IN_Z22, IN_MOMENTS, IN_MEAN, INPUTS };

/* The block of neurons m and p: Z11 M + v_m (Z22 v_p + Z31 v_m + Z21 mu)^T + v_p (Z22 v_m + Z13 v_p + Z12 mu)^T
   + mu (Z21 v_m + Z12 v_p)^T, M being the second moments of the inputs and mu their mean. */
CLONES static void block(double *restrict H, Py_ssize_t P, Py_ssize_t N_i, const double *const in[INPUTS],
                         Py_ssize_t N_h, Py_ssize_t m, Py_ssize_t p, double *restrict work)
{
    Py_ssize_t mp = m * N_h + p, pm = p * N_h + m;
    double z11 = in[IN_Z11][mp], z12 = in[IN_Z12][mp], z21 = in[IN_Z12][pm], z13 = in[IN_Z13][mp],
           z31 = in[IN_Z13][pm], z22 = in[IN_Z22][mp];
    const double *restrict v_m = in[IN_V] + m * N_i, *restrict v_p = in[IN_V] + p * N_i;
    const double *restrict mean = in[IN_MEAN], *restrict moments = in[IN_MOMENTS];
    double *restrict beside_m = work, *restrict beside_p = work + N_i, *restrict beside_mean = work + 2 * N_i;
    for (Py_ssize_t q = 0; q < N_i; q++) {
        beside_m[q] = z22 * v_p[q] + z31 * v_m[q] + z21 * mean[q];
        beside_p[q] = z22 * v_m[q] + z13 * v_p[q] + z12 * mean[q];
        beside_mean[q] = z21 * v_m[q] + z12 * v_p[q];
    }
    for (Py_ssize_t n = 0; n < N_i; n++) {
        double *restrict row = H + n * P;
        for (Py_ssize_t q = 0; q < N_i; q++)
            row[q] = v_m[n] * beside_m[q] + v_p[n] * beside_p[q] + mean[n] * beside_mean[q]
                     + z11 * moments[n * N_i + q];
    }
}

static PyObject *assemble(PyObject *self, PyObject *args)
{
    Py_buffer in[INPUTS], H;
    Py_ssize_t S, N_h, N_i, P;
    (void)self;
    if (!PyArg_ParseTuple(args, "(y*y*y*y*y*y*y*)w*nnnn", &in[IN_V], &in[IN_Z11], &in[IN_Z12], &in[IN_Z13], &in[IN_Z22],
                          &in[IN_MOMENTS], &in[IN_MEAN], &H, &S, &N_h, &N_i, &P))
        return NULL;
    Py_ssize_t pairs = N_h * N_h, sizes[INPUTS] = {N_h * N_i, pairs, pairs, pairs, pairs, 0, 0};
    double *work = PyMem_Malloc(3 * sizeof(double) * (size_t)N_i);
    int fits = H.len == 8 * S * P * P && P >= N_h * N_i;
    for (int i = 0; i < IN_MOMENTS; i++)
        fits &= in[i].len == 8 * S * sizes[i];
    fits &= in[IN_MOMENTS].len == 8 * N_i * N_i && in[IN_MEAN].len == 8 * N_i;
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
            double *of_H = (double *)H.buf + s * P * P;
            for (Py_ssize_t m = 0; m < N_h; m++)
                for (Py_ssize_t p = m; p < N_h; p++)
                    block(of_H + m * N_i * P + p * N_i, P, N_i, of_s, N_h, m, p, work);
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
     "assemble((V, Z11, Z12, Z13, Z22, moments, mean), H, S, N_h, N_i, P): fill the blocks of W1 with itself, p >= m"},
    {NULL, NULL, 0, NULL}};

static struct PyModuleDef module = {
    PyModuleDef_HEAD_INIT, "_general_assembly", "Stacks of Hessians with biases in one pass.", -1, methods,
    NULL, NULL, NULL, NULL};

PyMODINIT_FUNC PyInit__general_assembly(void) { return PyModule_Create(&module); }
