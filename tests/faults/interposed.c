/* Loaded before the C library (LD_PRELOAD), this counts the calls that concern files below one
 * folder, and makes one of them fail: the process is killed just before it, or the call returns
 * an error. */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

enum { MOST = 1 << 16 };

static char folder[4096];
static size_t folder_length;
static atomic_long count;
static long fails_at;   /* the number of the call that fails, from 1; 0 for none */
static int fails_with;  /* an errno; 0 to kill the process */
static int has_locks = 1;
static const char *names[MOST];

void interpose(const char *below, long at, int with, int locks)
{
    strncpy(folder, below, sizeof folder - 1);
    folder_length = strlen(folder);
    fails_at = at;
    fails_with = with;
    has_locks = locks;
    count = 0;
}

long calls(void) { return count; }
const char *name_of(long number) { return names[number % MOST]; }

__attribute__((constructor)) static void from_environment(void)
{
    const char *below = getenv("INTERPOSE_FOLDER");
    const char *at = getenv("INTERPOSE_AT"), *with = getenv("INTERPOSE_WITH");
    if (below && at && with)
        interpose(below, atol(at), atoi(with), 1);
}

/* Whether this call fails. Calls that take no room do not fail because there is none. */
static int fails(const char *path, const char *name, int takes_room)
{
    if (!folder_length || strncmp(path, folder, folder_length))
        return 0;
    long number = ++count;
    names[number % MOST] = name;
    if (number != fails_at || (fails_with == ENOSPC && !takes_room))
        return 0;
    if (!fails_with)
        kill(getpid(), SIGKILL);
    errno = fails_with;
    return 1;
}

static void path_of(int descriptor, char *path, size_t size)
{
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
    ssize_t length = readlink(link, path, size - 1);
    path[length < 0 ? 0 : length] = 0;
}

static int fails_fd(int descriptor, const char *name, int takes_room)
{
    char path[4096];
    if (!folder_length)
        return 0;
    int before = errno;
    path_of(descriptor, path, sizeof path);
    errno = before;
    return fails(path, name, takes_room);
}

static int fails_at_fd(int descriptor, const char *path, const char *name, int takes_room)
{
    char whole[8192];
    if (path[0] == '/' || descriptor == AT_FDCWD)
        return fails(path, name, takes_room);
    int before = errno;
    path_of(descriptor, whole, 4096);
    errno = before;
    strcat(whole, "/");
    strncat(whole, path, 4000);
    return fails(whole, name, takes_room);
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

#define OPEN(name)                                                             \
    int name(const char *path, int flags, ...)                                 \
    {                                                                          \
        va_list rest;                                                          \
        va_start(rest, flags);                                                 \
        mode_t mode = va_arg(rest, mode_t);                                    \
        va_end(rest);                                                          \
        return fails(path, flags & O_CREAT ? "create" : "open",                \
                     flags & O_CREAT) ? -1 : REAL(name)(path, flags, mode);    \
    }
OPEN(open)
OPEN(open64)

#define OPENAT(name)                                                           \
    int name(int at, const char *path, int flags, ...)                         \
    {                                                                          \
        va_list rest;                                                          \
        va_start(rest, flags);                                                 \
        mode_t mode = va_arg(rest, mode_t);                                    \
        va_end(rest);                                                          \
        return fails_at_fd(at, path, flags & O_CREAT ? "create" : "openat",    \
                           flags & O_CREAT) ? -1 : REAL(name)(at, path, flags, mode); \
    }
OPENAT(openat)
OPENAT(openat64)

#define BY_FD(type, name, takes_room, parameters, arguments)                   \
    type name parameters                                                       \
    {                                                                          \
        return fails_fd(fd, #name, takes_room) ? -1 : REAL(name) arguments;    \
    }
BY_FD(ssize_t, read, 0, (int fd, void *to, size_t size), (fd, to, size))
BY_FD(ssize_t, write, 1, (int fd, const void *from, size_t size), (fd, from, size))
BY_FD(ssize_t, pwrite, 1, (int fd, const void *from, size_t size, off_t place),
      (fd, from, size, place))
BY_FD(ssize_t, pwrite64, 1, (int fd, const void *from, size_t size, off64_t place),
      (fd, from, size, place))
BY_FD(int, fsync, 1, (int fd), (fd))
BY_FD(int, fdatasync, 1, (int fd), (fd))
BY_FD(int, ftruncate, 1, (int fd, off_t size), (fd, size))
BY_FD(int, ftruncate64, 1, (int fd, off64_t size), (fd, size))

int close(int fd)
{
    int failed = fails_fd(fd, "close", 1), error = errno;
    int result = REAL(close)(fd); /* a close that fails has closed all the same */
    if (!failed)
        return result;
    errno = error;
    return -1;
}

int flock(int fd, int operation)
{
    if (!has_locks) {
        errno = ENOLCK;
        return -1;
    }
    return fails_fd(fd, "flock", 0) ? -1 : REAL(flock)(fd, operation);
}

#define FCNTL(name)                                                            \
    int name(int fd, int command, ...)                                         \
    {                                                                          \
        va_list rest;                                                          \
        va_start(rest, command);                                               \
        void *argument = va_arg(rest, void *);                                 \
        va_end(rest);                                                          \
        if (command == F_SETLK || command == F_SETLKW) {                       \
            if (!has_locks) {                                                  \
                errno = ENOLCK;                                                \
                return -1;                                                     \
            }                                                                  \
            if (fails_fd(fd, "lockf", 0))                                      \
                return -1;                                                     \
        }                                                                      \
        return REAL(name)(fd, command, argument);                              \
    }
FCNTL(fcntl)
FCNTL(fcntl64)

#define BY_PATH(name, takes_room, parameters, arguments)                       \
    int name parameters                                                        \
    {                                                                          \
        return fails(path, #name, takes_room) ? -1 : REAL(name) arguments;     \
    }
BY_PATH(rename, 1, (const char *path, const char *to), (path, to))
BY_PATH(link, 1, (const char *path, const char *to), (path, to))
BY_PATH(unlink, 0, (const char *path), (path))
BY_PATH(mkdir, 1, (const char *path, mode_t mode), (path, mode))
BY_PATH(rmdir, 0, (const char *path), (path))

int unlinkat(int at, const char *path, int flags)
{
    return fails_at_fd(at, path, "unlinkat", 0) ? -1 : REAL(unlinkat)(at, path, flags);
}

DIR *opendir(const char *path)
{
    return fails(path, "opendir", 0) ? NULL : REAL(opendir)(path);
}

DIR *fdopendir(int fd)
{
    return fails_fd(fd, "fdopendir", 0) ? NULL : REAL(fdopendir)(fd);
}
