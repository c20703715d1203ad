/* out.c: collecting the effects of one step. */
#include "core/out.h"

#include <string.h>

struct effect *out_effect(struct out *o, enum effect_kind kind)
{
    if (o->count == o->max) {
        out_wake(o, o->now);
        return NULL;
    }
    struct effect *e = &o->effects[o->count++];
    memset(e, 0, sizeof *e);
    e->kind = kind;
    return e;
}

void out_notice(struct out *o, enum notice notice, int64_t offset, int status, uint16_t subject)
{
    struct effect *e = out_effect(o, EFFECT_NOTICE);
    if (e != NULL) {
        e->notice.notice = notice;
        e->notice.offset = offset;
        e->notice.status = status;
        e->notice.subject = subject;
    }
}

struct record out_record(struct out *o, enum record_kind kind, struct logtime log_time)
{
    struct record r;
    memset(&r, 0, sizeof r);
    r.kind = kind;
    r.log_id = o->control->log_id;
    r.writer.replica = o->config->replica;
    r.writer.incarnation = o->config->incarnation;
    r.writer.sequence = ++*o->sequence;
    r.epoch = o->control->epoch;
    r.base = o->control->applied;
    r.log_time = log_time;
    return r;
}

void out_wake(struct out *o, struct mono t)
{
    o->deadline = mono_least(o->deadline, t);
}
