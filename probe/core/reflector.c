/* reflector.c: the sessions of a stateful STAMP reflector (RFC 8762 section 4.3): who is answered.
 */
#include "core/reflector.h"

#include <stddef.h>

static struct reflector_session *session_of(struct reflector *r, uint16_t port)
{
    for (int i = 0; i < REFLECTOR_SESSIONS; i++)
        if (r->sessions[i].port == port)
            return &r->sessions[i];
    return NULL;
}

static struct reflector_session *session_room(struct reflector *r, struct mono now)
{
    struct reflector_session *oldest = &r->sessions[0];
    for (int i = 0; i < REFLECTOR_SESSIONS; i++) {
        struct reflector_session *s = &r->sessions[i];
        if (s->port == 0)
            return s;
        if (s->used.us < oldest->used.us)
            oldest = s;
    }
    return mono_diff_us(now, oldest->used) >= REFLECTOR_IDLE_US ? oldest : NULL;
}

/* True when the packet is new; then the session remembers it. */
static bool session_note(struct reflector_session *s, uint32_t seq, uint64_t stamp)
{
    int32_t ahead = (int32_t)(seq - s->newest_seq);
    uint32_t behind = s->newest_seq - seq;
    if (ahead > 0) {
        s->seen = ahead < 64 ? s->seen << ahead | 1 : 1;
        s->newest_seq = seq;
    } else if (behind < 64 && (s->seen >> behind & 1) == 0) {
        s->seen |= UINT64_C(1) << behind;
    } else if (stamp > s->newest_stamp) { /* the sender began anew on the same port */
        s->newest_seq = seq;
        s->seen = 1;
        s->next = 0;
    } else {
        return false;
    }
    if (stamp > s->newest_stamp)
        s->newest_stamp = stamp;
    return true;
}

enum reflect_result reflector_accept(struct reflector *r, uint16_t port, uint32_t seq,
                                     uint64_t stamp, struct mono now, uint32_t *ret_seq)
{
    if (port == 0)
        return REFLECT_REFUSED;
    struct reflector_session *s = session_of(r, port);
    if (s == NULL) {
        s = session_room(r, now);
        if (s == NULL)
            return REFLECT_REFUSED;
        *s = (struct reflector_session){
            .port = port, .newest_seq = seq, .seen = 1, .newest_stamp = stamp};
    } else if (!session_note(s, seq, stamp)) {
        return REFLECT_REPLAYED;
    }
    s->used = now;
    *ret_seq = s->next++;
    return REFLECT_OK;
}
