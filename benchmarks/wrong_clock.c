/* A preloaded library that has the clock of a process be wrong, as on a machine whose clock is set.

   WRONG_CLOCK names a file with a number of seconds, a binary 64-bit integer, by which the clock is
   ahead; whoever writes it sets the clock of all processes at once. The monotonic clock, and all
   that sleeps by it, goes on. Debian's libfaketime has that clock jump too, or else fails sleeps. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static volatile const int64_t *ahead;
static int (*real_clock)(clockid_t, struct timespec *);

__attribute__((constructor)) static void begin(void) {
    real_clock = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
    const char *name = getenv("WRONG_CLOCK");
    int file = name ? open(name, O_RDONLY | O_CLOEXEC) : -1;
    if (file < 0) return;
    void *shared = mmap(NULL, sizeof *ahead, PROT_READ, MAP_SHARED, file, 0);
    if (shared != MAP_FAILED) ahead = shared;
    close(file);
}

int clock_gettime(clockid_t clock, struct timespec *shown) {
    if (!real_clock) begin();
    int failed = real_clock(clock, shown);
    if (!failed && ahead && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE))
        shown->tv_sec += *ahead;
    return failed;
}

int gettimeofday(struct timeval *restrict shown, void *restrict zone) {
    (void)zone;
    struct timespec now;
    int failed = clock_gettime(CLOCK_REALTIME, &now);
    shown->tv_sec = now.tv_sec;
    shown->tv_usec = now.tv_nsec / 1000;
    return failed;
}

time_t time(time_t *shown) {
    struct timespec now;
    if (clock_gettime(CLOCK_REALTIME, &now)) return (time_t)-1;
    if (shown) *shown = now.tv_sec;
    return now.tv_sec;
}
