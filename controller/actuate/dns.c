/* dns.c: the pusher of one DNS server: read the fence, push chunk by chunk, verify. */
#include "actuate/dns.h"

#include "actuate/dns_exchange.h"
#include "actuate/dns_verify.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* How often one job looks again after a lost reply or a prerequisite that failed. Beyond it the job
 * fails and the caller's backoff decides. */
enum { ATTEMPTS_MAX = 3 };

enum state { STATE_IDLE, STATE_READ_FENCE, STATE_READ_DONE, STATE_PUSH, STATE_VERIFY, STATE_COUNT };

/* One job, by itself. */
struct push {
    struct dns_content *content;
    struct fence fence;
    struct fence predecessor; /* era 0: none, only the whole plan will do */
    bool may_create;
};

struct dns_pusher {
    uv_loop_t *loop;
    struct dns_target target;
    struct dns_names names;
    actuate_done *done;
    void *user;
    uv_timer_t kick; /* starts a job from the loop, so that done never comes too early */
    struct push *flying, *waiting; /* at most one each */

    /* Of the job in flight. */
    enum state state;
    struct dns_exchange *exchange; /* NULL when not connected */
    struct dns_request request;    /* wire NULL when none is out */
    struct dns_verify *verify;
    uint8_t key;
    bool refused; /* the first key, by the server's access rules */
    unsigned attempts;
    bool pushed;                      /* this job has changed the server */
    bool as_diff;                     /* the push in progress writes the changes only */
    bool there_absent;                /* the push expects no fence ... */
    struct fence there;               /* ... or this one */
    uint32_t at;                      /* answers (of all, or of the changed) written so far */
    struct fence found;               /* era 0: not known */
    struct fence_hold hold;           /* found with it */
    char detail[ACTUATE_DETAIL_SIZE]; /* of the failure */
};

static void move(struct dns_pusher *p, enum state to)
{
    static const bool allowed[STATE_COUNT][STATE_COUNT] = {
        [STATE_IDLE] = {[STATE_READ_FENCE] = true, [STATE_PUSH] = true},
        [STATE_READ_FENCE] = {[STATE_IDLE] = true,
                              [STATE_READ_FENCE] = true,
                              [STATE_READ_DONE] = true,
                              [STATE_PUSH] = true},
        [STATE_READ_DONE] = {[STATE_IDLE] = true,
                             [STATE_READ_FENCE] = true,
                             [STATE_PUSH] = true,
                             [STATE_VERIFY] = true},
        [STATE_PUSH] = {[STATE_IDLE] = true,
                        [STATE_READ_FENCE] = true,
                        [STATE_PUSH] = true,
                        [STATE_VERIFY] = true},
        [STATE_VERIFY] = {[STATE_IDLE] = true, [STATE_PUSH] = true},
    };
    assert(allowed[p->state][to]);
    p->state = to;
    assert((to == STATE_IDLE) == (p->flying == NULL));
}

static void push_free(struct push *push)
{
    if (push == NULL)
        return;
    dns_content_free(push->content);
    free(push);
}

static void on_kick(uv_timer_t *timer);

/* Lets go of everything that belongs to the job in flight, except the job. */
static void release(struct dns_pusher *p)
{
    dns_exchange_close(p->exchange);
    dns_verify_cancel(p->verify);
    dns_request_done(&p->request);
    p->exchange = NULL;
    p->verify = NULL;
}

/* Ends the job in flight and begins the waiting one; done comes last, because it may free the
 * pusher. */
static void finish(struct dns_pusher *p, int status)
{
    struct actuate_result result = {
        .actuator = ACTUATOR_DNS,
        .target = p->target.server,
        .attempted = p->flying->fence,
        .found = p->found,
        .status = status,
    };
    if (status == ERR_HELD)
        result.hold = p->hold;
    if (status != OK)
        memcpy(result.detail, p->detail, sizeof(result.detail));
    release(p);
    push_free(p->flying);
    p->flying = NULL;
    move(p, STATE_IDLE);
    if (p->waiting != NULL) {
        p->flying = p->waiting;
        p->waiting = NULL;
        uv_timer_start(&p->kick, on_kick, 0, 0);
    }
    p->done(p->user, &result);
}

static void on_exchange(void *user, int status, const uint8_t *wire, size_t len);

static void send_request(struct dns_pusher *p)
{
    p->detail[0] = '\0';
    if (p->exchange == NULL) {
        int status = dns_exchange_open(p->loop, &p->target.address, p->target.port,
                                       p->target.timeout_us, on_exchange, p, &p->exchange);
        if (status != OK) {
            finish(p, status);
            return;
        }
    }
    dns_exchange_send(p->exchange, p->request.wire, p->request.len);
}

static void read_txt(struct dns_pusher *p, enum state state)
{
    move(p, state);
    dns_request_done(&p->request);
    int status =
        dns_request_txt(&p->target.keys[p->key],
                        state == STATE_READ_FENCE ? &p->names.fence : &p->names.done, &p->request);
    if (status != OK)
        finish(p, status);
    else
        send_request(p);
}

/* Answers to write in all, by the push in progress. */
static uint32_t push_total(const struct dns_pusher *p)
{
    return p->as_diff ? p->flying->content->changed_count : p->flying->content->answer_count;
}

static const uint32_t *push_indices(const struct dns_pusher *p)
{
    return p->as_diff ? p->flying->content->changed : NULL;
}

/* How far the chunk that begins at p->at reaches: whole answers, at least one, at most 46 KB. */
static uint32_t chunk_end(const struct dns_pusher *p)
{
    const uint32_t *indices = push_indices(p);
    size_t size = 0;
    uint32_t to = p->at;
    while (to < push_total(p)) {
        size +=
            dns_answer_wire_size(&p->flying->content->answers[indices != NULL ? indices[to] : to]);
        if (size > DNS_CHUNK_ANSWERS_MAX && to > p->at)
            break;
        to++;
    }
    return to;
}

static void send_chunk(struct dns_pusher *p, bool first)
{
    move(p, STATE_PUSH);
    const struct push *push = p->flying;
    struct dns_update u = {
        .fence_there = &push->fence,
        .fence = &push->fence,
        .raise = first,
        .content = push->content,
        .indices = push_indices(p),
        .from = p->at,
        .to = chunk_end(p),
    };
    if (first) {
        u.fence_there = p->there_absent ? NULL : &p->there;
        u.done_there = p->as_diff ? &p->there : NULL;
    }
    if (u.to == push_total(p))
        u.done = DNS_DONE_SET;
    else
        u.done = first ? DNS_DONE_REMOVE : DNS_DONE_KEEP;
    dns_request_done(&p->request);
    int status = dns_request_update(&p->target.keys[p->key], &p->names, &u, &p->request);
    if (status != OK) {
        finish(p, status);
        return;
    }
    p->at = u.to;
    send_request(p);
}

static void push_whole(struct dns_pusher *p)
{
    p->as_diff = false;
    p->at = 0;
    send_chunk(p, true);
}

/* Onto the direct predecessor with its done mark; both are prerequisites, so this is right without
 * having read either: a server that stands elsewhere refuses, and then its fence is read. */
static void push_diff(struct dns_pusher *p)
{
    p->as_diff = true;
    p->at = 0;
    p->there_absent = false;
    p->there = p->flying->predecessor;
    send_chunk(p, true);
}

static void on_verified(void *user, int status, const struct dns_txt *found, const char *detail)
{
    struct dns_pusher *p = user;
    p->verify = NULL;
    if (found->fence.era != 0)
        p->found = found->fence;
    if (status == ERR_LYING && !p->pushed) {
        /* Somebody changed answers behind the done mark: the plan is written again, under its
         * fence. */
        p->there_absent = false;
        p->there = p->flying->fence;
        p->pushed = true;
        push_whole(p);
        return;
    }
    snprintf(p->detail, sizeof(p->detail), "%s", detail);
    finish(p, status);
}

static void verify(struct dns_pusher *p, bool changed_only)
{
    move(p, STATE_VERIFY);
    dns_request_done(&p->request);
    const struct dns_content *content = p->flying->content;
    struct dns_claim claim = {
        .names = &p->names,
        .content = content,
        .indices = changed_only ? content->changed : NULL,
        .count = changed_only ? content->changed_count : content->answer_count,
        .fence = &p->flying->fence,
    };
    int status = dns_verify_start(p->loop, &p->target.address, p->target.port, p->target.timeout_us,
                                  &claim, on_verified, p, &p->verify);
    if (status != OK)
        finish(p, status);
}

static void on_fence(struct dns_pusher *p, const ldns_pkt *packet)
{
    struct dns_txt txt;
    int status = dns_reply_txt(packet, &p->names.fence, &txt);
    if (status != OK) {
        snprintf(p->detail, sizeof(p->detail), "what stands at its fence is none of ours");
        finish(p, status);
        return;
    }
    p->found = txt.fence;
    p->hold = txt.hold;
    p->there_absent = txt.absent;
    p->there = txt.fence;
    const struct push *push = p->flying;
    status = actuate_admit(&push->fence, &txt.fence, &txt.hold);
    if (status == OK && txt.absent && !push->may_create) {
        snprintf(p->detail, sizeof(p->detail), "it has no fence, and only the leader creates one");
        status = ERR_NOT_FOUND;
    }
    if (status != OK)
        finish(p, status);
    else if (!txt.absent && (fence_compare(&txt.fence, &push->fence) == FENCE_EQUAL ||
                             fence_compare(&txt.fence, &push->predecessor) == FENCE_EQUAL))
        read_txt(p, STATE_READ_DONE);
    else
        push_whole(p);
}

/* The done mark counts when it names the fence that stands; anything else at its name means "not
 * done". */
static void on_done_mark(struct dns_pusher *p, const ldns_pkt *packet)
{
    struct dns_txt txt = {.absent = true};
    bool done = dns_reply_txt(packet, &p->names.done, &txt) == OK && !txt.absent &&
                fence_compare(&txt.fence, &p->there) == FENCE_EQUAL;
    if (!done)
        push_whole(p);
    else if (fence_compare(&p->there, &p->flying->fence) == FENCE_EQUAL)
        verify(p, p->flying->predecessor.era != 0);
    else
        push_diff(p);
}

/* A prerequisite failed, or a reply was lost: only the fence tells what is there now. */
static void look_again(struct dns_pusher *p, int status)
{
    if (++p->attempts >= ATTEMPTS_MAX)
        finish(p, status);
    else
        read_txt(p, STATE_READ_FENCE);
}

static void on_chunk(struct dns_pusher *p, ldns_pkt_rcode rcode)
{
    if (rcode != LDNS_RCODE_NOERROR) {
        snprintf(p->detail, sizeof(p->detail), "other writers keep coming in between");
        look_again(p, ERR_BUSY);
        return;
    }
    p->pushed = true;
    p->found = p->flying->fence;
    if (p->at < push_total(p))
        send_chunk(p, false);
    else
        verify(p, p->as_diff);
}

/* No usable reply. What was being pushed may be there or not. */
static void on_lost(struct dns_pusher *p, int status)
{
    static const char *const doing[STATE_COUNT] = {
        [STATE_READ_FENCE] = "while its fence was read",
        [STATE_READ_DONE] = "while its done mark was read",
        [STATE_PUSH] = "while the plan was written",
    };
    if (p->detail[0] == '\0' && doing[p->state] != NULL)
        snprintf(p->detail, sizeof(p->detail), "%s", doing[p->state]);
    bool pushing = p->state == STATE_PUSH;
    dns_exchange_close(p->exchange);
    p->exchange = NULL;
    if (p->state == STATE_VERIFY)
        return; /* an idle connection that the server closed */
    if (pushing)
        look_again(p, status);
    else
        finish(p, status);
}

/* The server answered, but not what goes on from here. */
static void on_bad_reply(struct dns_pusher *p, int status)
{
    if ((status == ERR_UNAUTHENTIC || status == ERR_REFUSED) && p->key + 1 < p->target.key_count) {
        p->key++; /* a rotation: the server may know, or allow, the other key */
        p->refused = status == ERR_REFUSED;
        read_txt(p, STATE_READ_FENCE);
    } else if (status == ERR_UNAUTHENTIC && p->refused) {
        snprintf(p->detail, sizeof(p->detail),
                 "it says REFUSED to the first key, and does not know the second");
        finish(p, ERR_REFUSED);
    } else if (status == ERR_INVALID || status == ERR_TRUNCATED || status == ERR_MEMORY) {
        on_lost(p, status);
    } else {
        finish(p, status); /* it said no */
    }
}

static void on_exchange(void *user, int status, const uint8_t *wire, size_t len)
{
    struct dns_pusher *p = user;
    if (status != OK) {
        on_lost(p, status);
        return;
    }
    ldns_pkt *packet = NULL;
    ldns_pkt_rcode rcode = LDNS_RCODE_NOERROR;
    status = dns_reply_check(&p->request, wire, len, (int64_t)time(NULL), &packet, &rcode,
                             p->detail, sizeof(p->detail));
    if (status != OK) {
        on_bad_reply(p, status);
        return;
    }
    switch (p->state) {
    case STATE_READ_FENCE: on_fence(p, packet); break;
    case STATE_READ_DONE: on_done_mark(p, packet); break;
    case STATE_PUSH: on_chunk(p, rcode); break;
    case STATE_IDLE:
    case STATE_VERIFY: /* no request is out, so the exchange lets no reply through */
    case STATE_COUNT: assert(false);
    }
    ldns_pkt_free(packet);
}

static void on_kick(uv_timer_t *timer)
{
    struct dns_pusher *p = timer->data;
    p->key = 0;
    p->refused = false;
    p->attempts = 0;
    p->pushed = false;
    p->found = (struct fence){0};
    p->hold = (struct fence_hold){0};
    p->detail[0] = '\0';
    if (p->flying->predecessor.era != 0)
        push_diff(p);
    else
        read_txt(p, STATE_READ_FENCE);
}

int dns_pusher_new(uv_loop_t *loop, const struct dns_target *target, actuate_done *done, void *user,
                   struct dns_pusher **ret_pusher)
{
    struct sockaddr_storage storage;
    struct dns_names names;
    int status = dns_names_of(target->zone, &names);
    if (status == OK)
        status = dns_sockaddr(&target->address, target->port, &storage);
    if (status == OK && (target->key_count < 1 || target->key_count > 2))
        status = ERR_INVALID;
    for (uint8_t i = 0; status == OK && i < target->key_count; i++) {
        if (target->keys[i].size == 0 || target->keys[i].size > DNS_SECRET_SIZE)
            status = ERR_INVALID;
    }
    if (status != OK)
        return status;
    struct dns_pusher *p = calloc(1, sizeof(*p));
    if (p == NULL)
        return ERR_MEMORY;
    p->loop = loop;
    p->target = *target;
    p->names = names;
    p->done = done;
    p->user = user;
    uv_timer_init(loop, &p->kick);
    p->kick.data = p;
    *ret_pusher = p;
    return OK;
}

static void on_closed(uv_handle_t *handle)
{
    free(handle->data);
}

void dns_pusher_free(struct dns_pusher *p)
{
    if (p == NULL)
        return;
    release(p);
    push_free(p->flying);
    push_free(p->waiting);
    explicit_bzero(&p->target, sizeof(p->target));
    uv_close((uv_handle_t *)&p->kick, on_closed);
}

/* True when the job would only bring the server back to where a newer one leads. */
static bool is_overtaken(const struct dns_pusher *p, const struct fence *fence)
{
    const struct push *newest = p->waiting != NULL ? p->waiting : p->flying;
    return newest != NULL && fence_compare(fence, &newest->fence) == FENCE_OLDER;
}

int dns_push(struct dns_pusher *p, const struct dns_job *job)
{
    if (is_overtaken(p, &job->plan->fence))
        return ERR_STALE;
    struct push *push = calloc(1, sizeof(*push));
    if (push == NULL)
        return ERR_MEMORY;
    push->fence = job->plan->fence;
    push->predecessor = job->predecessor;
    push->may_create = job->may_create;
    int status =
        dns_content_new(job->fleet, job->plan, job->changes, job->change_count, &push->content);
    if (status != OK) {
        push_free(push);
        return status;
    }
    push_free(p->waiting);
    p->waiting = NULL;
    if (p->flying != NULL) {
        p->waiting = push;
    } else {
        p->flying = push;
        uv_timer_start(&p->kick, on_kick, 0, 0);
    }
    return OK;
}

bool dns_busy(const struct dns_pusher *p)
{
    return p->flying != NULL;
}
