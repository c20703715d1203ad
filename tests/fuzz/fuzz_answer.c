/* fuzz_answer.c: any JSON as the daemon's answer to the command that asks for what it lends: its
 * control state, records either way, the evidence. No crash, every walk goes its way, and evidence
 * that is taken can be reasoned about: also from reports of any size, signed as a daemon signs them
 * that was taken over. The first byte chooses which. */
#include "cli/evidence.h"
#include "cli/lent.h"
#include "fold/fold.h"
#include "wire/report.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { ARENA_SIZE = 8 << 20, STATE_MAX = 1 << 20, ASKED_MAX = 8, WALK_MAX = 2000 };

static const uint8_t *answer; /* to every question of this input */
static size_t answer_size;
static int asked;

/* In the place of the socket: parses as ask.c does. */
json_t *host_ask(const struct cli *c, json_t *request, int timeout_ms, char *why)
{
    (void)c;
    (void)timeout_ms;
    json_decref(request);
    json_t *object =
        asked++ < ASKED_MAX ? json_loadb((const char *)answer, answer_size, 0, NULL) : NULL;
    why[0] = '\0';
    if (!json_is_object(object)) {
        json_decref(object);
        return NULL;
    }
    return object;
}

bool cli_arena(struct arena *a, size_t size)
{
    void *memory = aligned_alloc(16, (size + 15) / 16 * 16);
    if (memory != NULL) {
        arena_init(a, memory, size);
    }
    return memory != NULL;
}

static struct control control;

static void load_control(void)
{
    static uint8_t begin[STATE_MAX];
    struct arena a;
    FILE *f = fopen(FOLD_STATE, "r");
    assert(f != NULL);
    size_t n = fread(begin, 1, sizeof begin, f);
    fclose(f);
    void *memory = aligned_alloc(16, ARENA_SIZE);
    assert(memory != NULL);
    arena_init(&a, memory, ARENA_SIZE);
    control_init(&control);
    struct codec r = codec_reader(begin, n, &a);
    control_codec(&r, &control);
    assert(codec_finish(&r) == OK);
}

static void ask_evidence(const struct cli *c)
{
    static void *memory;
    char why[CLI_WHY_SIZE];
    struct live_evidence e;
    struct diagnosis d;
    struct arena a;
    size_t room = diagnosis_arena_size(control.fleet);
    if (live_evidence_get(c, control.fleet, &e, why) != OK) {
        return;
    }
    memory = memory != NULL ? memory : aligned_alloc(16, (room + 15) / 16 * 16);
    assert(memory != NULL);
    arena_init(&a, memory, room);
    int status = diagnosis_new(control.fleet, &a, &d);
    assert(status == OK);
    diagnose(&control, e.at, e.now, &d);
    live_evidence_done(&e);
}

/* A report of so many targets, loads and views as the bytes say, in hex as the daemon tells it. */
static bool write_report(const uint8_t *data, size_t size, char *ret_text, size_t room)
{
    static struct observation seen[REPORT_MAX_TARGETS];
    static struct load_sample loads[4];
    static struct load_rate rates[4 * 8];
    static uint8_t bytes[REPORT_MAX_BYTES];
    static const uint8_t secret[REPORT_MIN_KEY_SIZE]; /* that of the daemon's evidence.c */
    const struct report_key key = {"local", secret, sizeof secret};
    static const enum health healths[] = {HEALTH_UNKNOWN, HEALTH_UP, HEALTH_DEGRADED, HEALTH_DOWN};
    const uint16_t idc = data[0] % control.fleet->idc_count;
    struct report r = {.observer = data[0] / 4 % 4 == 0 ? 3 : idc,
                       .incarnation = 1,
                       .sequence = 1,
                       .fleet = control.fleet_digest,
                       .count = data[1],
                       .observations = seen,
                       .load_count = data[2] % 4,
                       .view_count = data[2] % 4 > 0 ? data[2] / 4 % 8 : 0,
                       .loads = loads,
                       .load_views = rates};
    for (uint32_t i = 0; i < r.count; i++) {
        uint8_t b = data[3 + i % (size - 3)];
        seen[i] = (struct observation){.health = healths[b % 4], .held_us = (int64_t)b << 20};
    }
    size_t n = 0;
    if (report_encode(&r, &key, bytes, sizeof bytes, &n) != OK) {
        return false;
    }
    int at = snprintf(ret_text, room,
                      "{\"ok\":true,\"log_time_us\":9000000,\"reports\":[{\"idc\":\"%s\","
                      "\"age_us\":5,\"conclusive\":true,\"report\":\"",
                      data[0] < 128 ? control.fleet->idcs[idc].name : "nowhere");
    for (size_t i = 0; i < n && (size_t)at + 8 < room; i++) {
        at += snprintf(ret_text + at, room - (size_t)at, "%02x", bytes[i]);
    }
    at += snprintf(ret_text + at, room - (size_t)at, "\"}]}");
    answer = (const uint8_t *)ret_text;
    answer_size = (size_t)at;
    return true;
}

static void ask_journal(const struct cli *c, enum journal_move move)
{
    char why[CLI_WHY_SIZE];
    struct lent *l = NULL;
    uint8_t *bytes = NULL;
    size_t size = 0;
    if (lent_open(c, &l, &bytes, &size, why) != OK) {
        return;
    }
    assert(bytes != NULL && size > 0);
    free(bytes);
    struct journal_entry entry = {.offset = 0};
    for (int n = 0; n < WALK_MAX && lent_seek(l, move, &entry) == OK; n++) {
        assert(entry.bytes != NULL && entry.size > 0);
        volatile uint8_t last = entry.bytes[entry.size - 1];
        (void)last;
    }
    lent_close(l);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct cli c = {.control = "unused"};
    if (control.fleet == NULL) {
        load_control();
    }
    if (size == 0) {
        return 0;
    }
    answer = data + 1;
    answer_size = size - 1;
    asked = 0;
    switch (data[0] % 4) {
    case 0: ask_evidence(&c); break;
    case 1: ask_journal(&c, JOURNAL_NEXT); break;
    case 2: ask_journal(&c, JOURNAL_PREV); break;
    case 3: {
        static char text[1 << 16];
        if (size > 4 && write_report(data + 1, size - 1, text, sizeof text)) {
            ask_evidence(&c);
        }
        break;
    }
    }
    return 0;
}
