/* bus.c: the virtual log and network: appends arrive late, twice or never; reports likewise. */
#include "sim.h"
#include "wire/record.h"

#include <stdlib.h>
#include <string.h>

static struct message *take_message(struct sim *s)
{
    for (uint32_t i = 0; i < SIM_MAX_MESSAGES; i++) {
        if (s->messages[i].kind == MESSAGE_FREE) {
            s->message_top = i + 1 > s->message_top ? i + 1 : s->message_top;
            return &s->messages[i];
        }
    }
    sim_fail(s, "the simulator has no room for another message");
    return NULL;
}

/* A record of a kind that this seed likes to keep waiting, so that others overtake it. */
static bool is_delayed(struct sim *s, enum record_kind kind)
{
    return (s->swarm.slow_claims && kind == RECORD_CLAIM && rng_chance(&s->rng, 700000)) ||
           (s->swarm.slow_decides && kind == RECORD_DECIDE && rng_chance(&s->rng, 300000));
}

static int64_t delay_us(struct sim *s, enum record_kind kind)
{
    int64_t us = 500 + (int64_t)rng_below(&s->rng, 4000);
    if (s->swarm.slow_appends && !s->healed && rng_chance(&s->rng, 20000)) {
        us += (int64_t)rng_below(&s->rng, 5 * US_PER_SEC);
    }
    if (!s->healed && is_delayed(s, kind)) {
        us += (int64_t)rng_below(&s->rng, 2 * US_PER_SEC);
    }
    return us;
}

static void send(struct sim *s, enum record_kind kind, const uint8_t *bytes, size_t size)
{
    struct message *m = take_message(s);
    if (m != NULL) {
        m->kind = MESSAGE_APPEND;
        m->at_us = s->now_us + delay_us(s, kind);
        m->bytes = sim_alloc(size, 1);
        memcpy(m->bytes, bytes, size);
        m->size = size;
    }
}

void bus_append(struct sim *s, enum record_kind kind, uint8_t *bytes, size_t size)
{
    bool lost = s->swarm.losses && !s->healed && rng_chance(&s->rng, 20000);
    bool twice = s->swarm.duplicates && rng_chance(&s->rng, 50000);
    for (int i = lost ? 1 : 0; i < (twice ? 2 : 1); i++) {
        send(s, kind, bytes, size);
    }
    free(bytes);
}

void bus_keep(struct kept_report *k, const struct report *r)
{
    size_t rates = (size_t)r->load_count * r->view_count;
    memcpy(k->seen, r->observations, r->count * sizeof k->seen[0]);
    if (rates > 0) {
        memcpy(k->loads, r->loads, r->load_count * sizeof k->loads[0]);
        memcpy(k->views, r->load_views, rates * sizeof k->views[0]);
    }
    k->report = *r;
    k->report.observations = k->seen;
    k->report.loads = k->loads;
    k->report.load_views = k->views;
}

void bus_report(struct sim *s, uint16_t from, const struct report *r)
{
    int64_t offset = s->probes[from].offset++;
    bus_keep(&s->newest[from], r);
    for (uint16_t i = 0; i < s->fleet->idc_count; i++) {
        struct message *m = take_message(s);
        if (m == NULL) {
            return;
        }
        m->kind = MESSAGE_REPORT;
        m->at_us = s->now_us + 500 + (int64_t)rng_below(&s->rng, 4000);
        m->node = i;
        m->idc = from;
        m->offset = offset;
        m->kept = sim_alloc(1, sizeof *m->kept);
        bus_keep(m->kept, r);
    }
}

int bus_decode(struct sim *s, int64_t offset, struct record *ret_record)
{
    struct arena a;
    arena_init(&a, s->decode_memory, s->decode_size);
    return record_decode(s->log[offset].bytes, s->log[offset].size, &a, ret_record);
}

static void arrive(struct sim *s, struct message *m)
{
    if (m->kind == MESSAGE_REPORT) {
        node_report(s, m->node, m->idc, &m->kept->report, m->offset);
        free(m->kept);
        m->kind = MESSAGE_FREE;
        return;
    }
    int64_t offset = s->log_end;
    if (offset == SIM_MAX_RECORDS) {
        sim_fail(s, "the log has %d records", SIM_MAX_RECORDS);
    } else {
        struct record r;
        s->log[offset] = (struct log_entry){m->bytes, m->size, s->now_us};
        s->log_end++;
        int status = bus_decode(s, offset, &r);
        if (status != OK) {
            sim_fail(s, "record %lld cannot be decoded: %d", (long long)offset, status);
        } else {
            oracle_record(s, &r, offset);
        }
    }
    m->kind = MESSAGE_FREE;
}

void bus_tick(struct sim *s)
{
    for (uint32_t i = 0; i < s->message_top && s->failure[0] == '\0'; i++) {
        if (s->messages[i].kind != MESSAGE_FREE && s->messages[i].at_us <= s->now_us) {
            arrive(s, &s->messages[i]);
        }
    }
    while (s->message_top > 0 && s->messages[s->message_top - 1].kind == MESSAGE_FREE) {
        s->message_top--;
    }
}

void bus_free(struct sim *s)
{
    for (uint32_t i = 0; i < s->message_top; i++) {
        if (s->messages[i].kind == MESSAGE_APPEND) {
            free(s->messages[i].bytes);
        } else if (s->messages[i].kind == MESSAGE_REPORT) {
            free(s->messages[i].kept);
        }
    }
    for (int64_t i = 0; i < s->log_end; i++) {
        free(s->log[i].bytes);
    }
}
