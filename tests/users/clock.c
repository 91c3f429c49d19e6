/* Moves the clock of one process, for tests: preloaded in front of the C library. The file that ICP_TEST_CLOCK
 * names holds two 64-bit integers, which whoever tests may change at any time: nanoseconds that the time of day is
 * off, and the rate at which all time runs, in thousandths. At the rate 1000 the monotonic clock keeps what it
 * gained, since it may never go back, and the time of day loses it. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static const int64_t SECOND = 1000000000;
static volatile int64_t *hands;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int64_t seen, gained;

static int64_t real(clockid_t id) {
    struct timespec at = {0, 0};
    syscall(SYS_clock_gettime, id, &at);
    return at.tv_sec * SECOND + at.tv_nsec;
}

__attribute__((constructor)) static void open_clock(void) {
    const char *path = getenv("ICP_TEST_CLOCK");
    int file = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    void *map = file < 0 ? MAP_FAILED : mmap(NULL, 16, PROT_READ, MAP_SHARED, file, 0);
    if (map != MAP_FAILED) {
        seen = real(CLOCK_MONOTONIC);
        hands = map;
    }
}

/* What the monotonic clock is ahead by now. */
static int64_t ahead(void) {
    pthread_mutex_lock(&lock);
    int64_t now = real(CLOCK_MONOTONIC);
    gained += (now - seen) * (hands[1] - 1000) / 1000;
    seen = now;
    int64_t all = gained;
    pthread_mutex_unlock(&lock);
    return all;
}

int clock_gettime(clockid_t id, struct timespec *at) {
    long failed = syscall(SYS_clock_gettime, id, at);
    if (failed || !hands) return (int)failed;
    int64_t off = ahead();
    switch (id) {
    case CLOCK_REALTIME:
    case CLOCK_REALTIME_COARSE:
        off = (hands[1] == 1000 ? 0 : off) + hands[0];
        break;
    case CLOCK_MONOTONIC:
    case CLOCK_MONOTONIC_RAW:
    case CLOCK_MONOTONIC_COARSE:
    case CLOCK_BOOTTIME:
        break;
    default:
        return 0;
    }
    int64_t moved = at->tv_sec * SECOND + at->tv_nsec + off;
    at->tv_sec = moved / SECOND;
    at->tv_nsec = moved % SECOND;
    return 0;
}

/* Where the timers of the process wait. */
int epoll_wait(int poll, struct epoll_event *events, int count, int milliseconds) {
    if (hands && milliseconds > 0) milliseconds = (int)((int64_t)milliseconds * 1000 / hands[1]);
    return (int)syscall(SYS_epoll_pwait, poll, events, count, milliseconds, NULL, 8);
}
