/* past_fleets.c: fleets that were in force once, read from the records that gave them. */
#include "cli/past_fleets.h"

#include "model/fleet.h"

#include <stdlib.h>

enum { ARENA_FIRST = 1 << 18, ARENA_MOST = 1 << 26, PAST_MAX = 64 };

/* In force for the records after `since`, up to the next. */
struct past {
    int64_t since, before; /* offset of what gave it, and of what gave the one that it followed */
    void *memory;
    struct fleet fleet;
};

struct past_fleets {
    struct fleet nameless; /* every list is empty */
    void *zeros;           /* where its lists begin */
    uint32_t count;
    struct past at[PAST_MAX]; /* newest first, each the one before the other */
};

static size_t larger(size_t a, size_t b)
{
    return a > b ? a : b;
}

struct past_fleets *past_fleets_new(void)
{
    size_t size = larger(sizeof(struct idc), sizeof(struct service));
    size = larger(size, larger(sizeof(struct link), sizeof(struct view)));
    size = larger(size, larger(sizeof(struct entrance), sizeof(struct dns_server)));
    size = larger(size, larger(sizeof(struct region), sizeof(struct carrier)));
    size = larger(size, larger(sizeof(struct conduit), sizeof(struct reference)));
    struct past_fleets *p = calloc(1, sizeof *p);
    void *zeros = calloc(1, size);
    if (p == NULL || zeros == NULL) {
        free(p);
        free(zeros);
        return NULL;
    }
    p->zeros = zeros;
    p->nameless.regions = zeros;
    p->nameless.carriers = zeros;
    p->nameless.idcs = zeros;
    p->nameless.links = zeros;
    p->nameless.conduits = zeros;
    p->nameless.views = zeros;
    p->nameless.services = zeros;
    p->nameless.entrances = zeros;
    p->nameless.references = zeros;
    p->nameless.dns_servers = zeros;
    return p;
}

void past_fleets_free(struct past_fleets *p)
{
    if (p == NULL) {
        return;
    }
    for (uint32_t i = 0; i < p->count; i++) {
        free(p->at[i].memory);
    }
    free(p->zeros);
    free(p);
}

/* The arena is doubled until it suffices: its need depends on what is read. */
static int read_fleet(const struct bytes *from, struct fleet *ret_fleet, void **ret_memory)
{
    for (size_t room = ARENA_FIRST; room <= ARENA_MOST; room *= 2) {
        struct arena a;
        if (!cli_arena(&a, room)) {
            return ERR_MEMORY;
        }
        struct fleet f = {0};
        struct codec in = codec_reader(from->at, from->size, &a);
        fleet_codec(&in, &f);
        int status = codec_finish(&in);
        if (status == OK) {
            *ret_fleet = f;
            *ret_memory = a.base;
            return OK;
        }
        free(a.base);
        if (status != ERR_FULL) {
            return status;
        }
    }
    return ERR_TOO_LARGE;
}

int host_fleet_given(const struct host *h, int64_t offset, struct fleet *ret_fleet,
                     int64_t *ret_before, void **ret_memory)
{
    struct host_record r = {.offset = offset};
    int status = host_record_seek(h, JOURNAL_AT, &r);
    if (status != OK) {
        return status;
    }
    const struct operator_record *o = &r.record.operator;
    const bool begins = r.record.kind == RECORD_GENESIS;
    const bool follows = r.record.kind == RECORD_OPERATOR && o->command == OPERATOR_FLEET;
    status = ERR_NOT_FOUND;
    if (host_record_counts(&r) && (begins || follows)) {
        *ret_before = begins ? -1 : (int64_t)o->argument;
        status = read_fleet(begins ? &r.record.genesis.fleet : &o->fleet, ret_fleet, ret_memory);
    }
    host_record_done(&r);
    return status;
}

/* The one that was in force before the fleet which was given at `given`. */
static const struct past *past_before(const struct host *h, uint32_t i, int64_t since)
{
    struct past_fleets *p = h->past;
    if (i < p->count) {
        return &p->at[i];
    }
    if (i == PAST_MAX) {
        return NULL;
    }
    struct past *to = &p->at[i];
    to->since = since;
    if (host_fleet_given(h, since, &to->fleet, &to->before, &to->memory) != OK) {
        return NULL;
    }
    p->count++;
    return to;
}

const struct fleet *host_fleet_at(const struct host *h, int64_t offset)
{
    const struct control *c = &h->control;
    if (c->fleet == NULL || offset > c->fleet_offset || c->fleet_offset == 0) {
        return c->fleet;
    }
    /* The newest is read too, for what it followed. */
    const struct past *at = past_before(h, 0, c->fleet_offset);
    for (uint32_t i = 1; at != NULL && at->before >= 0 && offset <= at->since; i++) {
        at = past_before(h, i, at->before);
    }
    return at != NULL ? &at->fleet : &h->past->nameless;
}
