/* client_stats.c: what the users of one view saw, second by second. */
#include "client_stats.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *outcome_name(enum outcome o)
{
    switch (o) {
    case OUTCOME_OK: return "ok";
    case OUTCOME_DEMOTED: return "demoted";
    case OUTCOME_CAPACITY: return "capacity";
    case OUTCOME_HTTP: return "http";
    case OUTCOME_DNS: return "dns";
    case OUTCOME_REFUSED: return "refused";
    case OUTCOME_UNREACHABLE: return "unreachable";
    case OUTCOME_RESET: return "reset";
    case OUTCOME_TIMEOUT: return "timeout";
    case OUTCOME_COUNT: break;
    }
    return "?";
}

void stats_add(struct stats *s, int64_t began_us, int64_t ended_us, enum outcome o)
{
    int64_t second = began_us / 1000000;
    struct second *at = &s->seconds[second % STATS_SECONDS];
    if (second <= s->printed) {
        return;
    }
    if (at->second != second) {
        memset(at, 0, sizeof(*at));
        at->second = second;
    }
    at->counts[o]++;
    if ((o == OUTCOME_OK || o == OUTCOME_DEMOTED) && at->samples < STATS_SAMPLES) {
        at->latency_us[at->samples++] = (uint32_t)(ended_us - began_us);
    }
}

static int by_value(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

static void print_second(const struct stats *s, struct second *at)
{
    unsigned failed = 0;
    for (unsigned o = OUTCOME_CAPACITY; o < OUTCOME_COUNT; o++) {
        failed += at->counts[o];
    }
    qsort(at->latency_us, at->samples, sizeof(at->latency_us[0]), by_value);
    unsigned n = at->samples;
    printf("{\"t\":%jd,\"view\":\"%s\",\"service\":\"%s\",\"feature\":\"%s\",\"tier\":%u,\"ok\":%u,"
           "\"demoted\":%u,"
           "\"failed\":%u,\"p50_us\":%u,\"p95_us\":%u,\"max_us\":%u,\"reasons\":{",
           (intmax_t)at->second * 1000000, s->view, s->service, s->feature, s->tier,
           at->counts[OUTCOME_OK], at->counts[OUTCOME_DEMOTED], failed,
           n == 0 ? 0 : at->latency_us[n / 2], n == 0 ? 0 : at->latency_us[n * 95 / 100],
           n == 0 ? 0 : at->latency_us[n - 1]);
    const char *comma = "";
    for (unsigned o = OUTCOME_CAPACITY; o < OUTCOME_COUNT; o++) {
        if (at->counts[o] > 0) {
            printf("%s\"%s\":%u", comma, outcome_name(o), at->counts[o]);
            comma = ",";
        }
    }
    printf("}}\n");
}

void stats_print(struct stats *s, int64_t second)
{
    int64_t first = s->printed + 1;
    first = first < second - STATS_SECONDS + 1 ? second - STATS_SECONDS + 1 : first;
    for (int64_t at = first; at <= second; at++) {
        struct second *one = &s->seconds[at % STATS_SECONDS];
        if (one->second == at) {
            print_second(s, one);
        }
    }
    s->printed = second > s->printed ? second : s->printed;
}
