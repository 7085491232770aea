/* Eigenvalues of many small symmetric matrices, several at a time: one matrix a SIMD lane.

   LAPACK works on one matrix with one SIMD unit: for small ones it spends its time on call
   overheads, loop ends and the latency chain of the QL iteration. Here every operation acts on
   the same entry of several matrices, so that vectors are always full. A lane never sees its
   neighbours: what is computed for a matrix does not depend on the others, nor on its place.

   Householder tridiagonalisation, upwards from the last row (as EISPACK's tred1), each rank-2
   update fused with the next matrix-vector product; then the root-free QL iteration of Pal,
   Walker and Kahan (as LAPACK's dsterf) with per-lane shifts and per-lane convergence. */

#define Py_LIMITED_API 0x030B0000
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define SWEEPS_PER_EIGENVALUE 30

#define INLINE static inline __attribute__((always_inline))

/* Macros, for vectors as arguments have no ABI that all instruction sets share. */
#define SPLAT(x) ((lanes){0} + (x))
#define SELECT(m, yes, no) ((lanes)(((mask)(yes) & (mask)(m)) | ((mask)(no) & ~(mask)(m))))
#define SQRT(out, x) do { lanes t_ = (x); \
    for (int s_ = 0; s_ < LANES; s_++) (out)[s_] = sqrt(t_[s_]); } while (0)

/* Where a product has two uses, or a difference two products, what is fused is the compiler's
   choice, another for each width: such a product is rounded. */
#if defined(__x86_64__) && defined(__GNUC__)
#define ROUND(x) __asm__("" : "+x"(x))
#else
#define ROUND(x) (void)0
#endif

/* One solver for each width of a register, and one more for several registers, whose iterations take
   turns where the chain of one would wait for its divisions: half the time or less. The widest that
   the processor has is taken, and a narrower one where fewer matrices are left: it has less memory
   to go through. Rounding does not depend on the width: the sets differ in that all but the plain
   one fuse a * b + c (always: tuned for Haswell, which unlike other targets has no exceptions for
   chains of sums). */
#define FOUR_ROWS 0
#define GROUPS 1
#define LANES 2
#define ISA(name) name##_plain
#include "_lanes_kernel.h"
#undef LANES
#undef ISA

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
#define X86_LEVELS

#pragma GCC push_options
#pragma GCC target("arch=x86-64-v3,tune=haswell")
#define LANES 2
#define ISA(name) name##_pair
#include "_lanes_kernel.h"
#undef LANES
#undef ISA
#define LANES 4
#define ISA(name) name##_v3
#include "_lanes_kernel.h"
#undef ISA
#undef GROUPS
#define GROUPS 4
#define ISA(name) name##_v3_groups
#include "_lanes_kernel.h"
#undef LANES
#undef ISA
#undef GROUPS
#undef FOUR_ROWS
#pragma GCC pop_options

#pragma GCC push_options
#pragma GCC target("arch=x86-64-v4,tune=haswell")
#define FOUR_ROWS 1
#define GROUPS 1
#define LANES 8
#define ISA(name) name##_v4
#include "_lanes_kernel.h"
#undef ISA
#undef GROUPS
#define GROUPS 4
#define ISA(name) name##_v4_groups
#include "_lanes_kernel.h"
#undef LANES
#undef ISA
#pragma GCC pop_options
#endif

typedef unsigned solver(const double *matrices, double *out, Py_ssize_t n, int count, void *work);

#define WIDEST 8
#define MOST_GROUPS 4

/* Return this processor's solver for so many matrices, and how many it takes at a time. */
static solver *choose(Py_ssize_t count, int *lanes)
{
#ifdef X86_LEVELS
    __builtin_cpu_init();
    if (__builtin_cpu_supports("x86-64-v4") && count > 4) {
        *lanes = count > 8 ? 32 : 8;
        return count > 8 ? solve_v4_groups : solve_v4;
    }
    if (__builtin_cpu_supports("x86-64-v3") && count > 4) {
        *lanes = 16;
        return solve_v3_groups;
    }
    if (__builtin_cpu_supports("x86-64-v3")) {
        *lanes = count > 2 ? 4 : 2;
        return count > 2 ? solve_v3 : solve_pair;
    }
#endif
    (void)count;
    *lanes = 2;
    return solve_plain;
}

static PyObject *eigenvalues(PyObject *self, PyObject *args)
{
    Py_buffer in, out, failed;
    Py_ssize_t n;
    (void)self;
    if (!PyArg_ParseTuple(args, "y*w*w*n", &in, &out, &failed, &n))
        return NULL;
    Py_ssize_t S = failed.len;
    void *work = NULL;
    if (n < 1 || in.len != 8 * S * n * n || out.len != 8 * S * n)
        PyErr_SetString(PyExc_ValueError, "expected (S, n, n), (S, n) and (S,) buffers");
    else if (posix_memalign(&work, 64,
                            sizeof(double) * (size_t)(WIDEST * n * (n + 4 + 2 * MOST_GROUPS))))
        PyErr_NoMemory();
    if (!PyErr_Occurred()) {
        const double *matrices = in.buf;
        double *values = out.buf;
        char *flags = failed.buf;
        Py_BEGIN_ALLOW_THREADS
        for (Py_ssize_t first = 0; first < S;) {
            int lanes;
            solver *solve = choose(S - first, &lanes);
            int count = (int)(S - first < lanes ? S - first : lanes);
            unsigned bits = solve(matrices + first * n * n, values + first * n, n, count, work);
            for (int s = 0; s < count; s++)
                flags[first + s] = (char)(bits >> s & 1);
            first += count;
        }
        Py_END_ALLOW_THREADS
    }
    free(work);
    PyBuffer_Release(&in);
    PyBuffer_Release(&out);
    PyBuffer_Release(&failed);
    if (PyErr_Occurred())
        return NULL;
    Py_RETURN_NONE;
}

static PyMethodDef methods[] = {
    {"eigenvalues", eigenvalues, METH_VARARGS,
     "eigenvalues(matrices, out, failed, n): float64 (S, n, n) -> (S, n), unordered; failed (S,)"},
    {NULL, NULL, 0, NULL}};

static struct PyModuleDef module = {
    PyModuleDef_HEAD_INIT, "_lanes", "Eigenvalues of many small symmetric matrices.", -1, methods,
    NULL, NULL, NULL, NULL};

PyMODINIT_FUNC PyInit__lanes(void) { return PyModule_Create(&module); }
