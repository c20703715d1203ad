/* dns_verify.c: questions about a claim, a bounded number at a time, and the verdict. */
#include "actuate/dns_verify.h"

#include "actuate/resolver.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { QUESTIONS_AT_A_TIME = 32, NAME_TEXT_SIZE = 256, DETAIL_SIZE = 128 };

struct dns_verify {
    struct resolver *resolver;
    struct dns_claim claim;
    dns_verify_done *done;
    void *user;
    uint32_t next, open; /* of 2 * claim.count questions about answers */
    bool fence_asked, cancelled, asking;
    int status; /* the first failure */
    struct dns_txt found;
    char detail[DETAIL_SIZE];
    uv_timer_t
        start; /* the first questions go out from the loop, so that done never comes too early */
};

struct question {
    struct dns_verify *verify;
    const struct dns_answer *answer; /* NULL: about the fence */
    ldns_rr_type type;
};

static void name_text(const struct dns_name *name, char ret_text[NAME_TEXT_SIZE])
{
    size_t n = 0;
    for (size_t at = 0; name->wire[at] != 0; at += (size_t)name->wire[at] + 1) {
        memcpy(ret_text + n, name->wire + at + 1, name->wire[at]);
        n += name->wire[at];
        ret_text[n++] = '.';
    }
    ret_text[n] = '\0';
}

static void fail(struct dns_verify *v, int status, const struct question *q, const char *what)
{
    if (v->status != OK)
        return;
    char name[NAME_TEXT_SIZE] = "the fence";
    if (q->answer != NULL)
        name_text(&q->answer->name, name);
    v->status = status;
    snprintf(v->detail, sizeof(v->detail), "%.90s: %s", name, what);
}

static int error_from_ares(int status)
{
    switch (status) {
    case ARES_ETIMEOUT: return ERR_TIMEOUT;
    case ARES_EREFUSED: return ERR_REFUSED;
    case ARES_ENOMEM: return ERR_MEMORY;
    case ARES_EFORMERR:
    case ARES_EBADRESP: return ERR_INVALID;
    default: return ERR_UNAVAILABLE;
    }
}

static int bytes_order(const void *a, const void *b)
{
    return memcmp(a, b, 16);
}

/* The addresses of one type at the question's name, sorted, at most max; their number, or max + 1
 * when there are more or when one has another TTL. */
static size_t collect(const ldns_pkt *packet, const struct question *q, uint8_t (*ret_bytes)[16],
                      size_t max)
{
    ldns_rr_list *answers = ldns_pkt_answer(packet);
    size_t width = q->type == LDNS_RR_TYPE_A ? 4 : 16, n = 0;
    for (size_t i = 0; i < ldns_rr_list_rr_count(answers); i++) {
        const ldns_rr *rr = ldns_rr_list_rr(answers, i);
        const ldns_rdf *rdf = ldns_rr_rd_count(rr) == 1 ? ldns_rr_rdf(rr, 0) : NULL;
        if (ldns_rr_get_type(rr) != q->type || rdf == NULL || ldns_rdf_size(rdf) != width)
            continue;
        if (n == max || ldns_rr_ttl(rr) != q->answer->ttl_s)
            return max + 1;
        memset(ret_bytes[n], 0, 16);
        memcpy(ret_bytes[n++], ldns_rdf_data(rdf), width);
    }
    qsort(ret_bytes, n, 16, bytes_order);
    return n;
}

static void judge_answer(struct dns_verify *v, const struct question *q, const ldns_pkt *packet)
{
    uint8_t got[FLEET_MAX_SLOTS][16];
    bool v4 = q->type == LDNS_RR_TYPE_A;
    const struct address *wanted = q->answer->addresses + (v4 ? 0 : q->answer->count4);
    size_t count = v4 ? q->answer->count4 : q->answer->count6;
    size_t n = packet == NULL ? 0 : collect(packet, q, got, FLEET_MAX_SLOTS);
    bool equal = n == count;
    for (size_t i = 0; equal && i < n; i++)
        equal = memcmp(got[i], wanted[i].bytes, v4 ? 4 : 16) == 0;
    if (!equal)
        fail(v, ERR_LYING, q, "is served otherwise than planned");
}

static void judge_fence(struct dns_verify *v, const struct question *q, const ldns_pkt *packet)
{
    struct dns_txt txt = {.absent = true};
    int status = packet == NULL ? OK : dns_reply_txt(packet, &v->claim.names->fence, &txt);
    if (status != OK || txt.absent) {
        fail(v, ERR_LYING, q, "is not there");
        return;
    }
    v->found = txt;
    status = actuate_admit(v->claim.fence, &txt.fence, &txt.hold);
    if (status == ERR_STALE || status == ERR_FOREIGN) {
        v->status = OK; /* answers of another plan prove nothing about ours */
        fail(v, status, q, "has been replaced since");
    } else if (fence_compare(&txt.fence, v->claim.fence) != FENCE_EQUAL) {
        fail(v, ERR_LYING, q, "is older than the one it took");
    }
}

static void ask(struct dns_verify *v);

static void on_closed(uv_handle_t *handle)
{
    free(handle->data);
}

/* Questions that are still open end within this call or, when c-ares is at work, soon after; the
 * object lives on until the loop closes its timer, which is later. */
static void close_down(struct dns_verify *v)
{
    v->cancelled = true;
    resolver_free(v->resolver);
    uv_close((uv_handle_t *)&v->start, on_closed);
}

static void finish(struct dns_verify *v)
{
    close_down(v);
    v->done(v->user, v->status, &v->found, v->detail);
}

static void on_answer(void *arg, int status, int timeouts, unsigned char *wire, int len)
{
    (void)timeouts;
    struct question *q = arg;
    struct dns_verify *v = q->verify;
    ldns_pkt *packet = NULL;
    bool empty = status == ARES_ENODATA || status == ARES_ENOTFOUND;
    v->open--;
    if (v->cancelled) { /* the channel goes down: nobody wants to know any more */
        free(q);
        return;
    }
    if (status == ARES_SUCCESS &&
        (wire == NULL || len <= 0 || ldns_wire2pkt(&packet, wire, (size_t)len) != LDNS_STATUS_OK))
        status = ARES_EBADRESP;
    if (status != ARES_SUCCESS && !empty)
        fail(v, error_from_ares(status), q, "the server does not answer as it should");
    else if (q->answer != NULL)
        judge_answer(v, q, packet);
    else
        judge_fence(v, q, packet);
    ldns_pkt_free(packet);
    free(q);
    ask(v);
}

static void ask_one(struct dns_verify *v, const struct dns_answer *answer, ldns_rr_type type,
                    const struct dns_name *name)
{
    char text[NAME_TEXT_SIZE];
    struct question *q = malloc(sizeof(*q));
    if (q == NULL) {
        fail(v, ERR_MEMORY, &(struct question){.answer = answer}, "out of memory");
        return;
    }
    *q = (struct question){v, answer, type};
    name_text(name, text);
    v->open++;
    resolver_ask(v->resolver, text, (int)type, on_answer, q);
}

/* Asks on until enough is open; after the last answer, or the first wrong one, for the fence, which
 * tells whether the answers mean anything. Some questions end before resolver_ask() returns, hence
 * the guard. */
static void ask(struct dns_verify *v)
{
    if (v->asking)
        return;
    v->asking = true;
    while (v->next < 2 * v->claim.count && v->open < QUESTIONS_AT_A_TIME && v->status == OK) {
        uint32_t i = v->next++;
        uint32_t index = v->claim.indices != NULL ? v->claim.indices[i / 2] : i / 2;
        const struct dns_answer *answer = &v->claim.content->answers[index];
        ask_one(v, answer, i % 2 == 0 ? LDNS_RR_TYPE_A : LDNS_RR_TYPE_AAAA, &answer->name);
    }
    if (v->open == 0 && !v->fence_asked && (v->status == OK || v->status == ERR_LYING)) {
        v->fence_asked = true;
        ask_one(v, NULL, LDNS_RR_TYPE_TXT, &v->claim.names->fence);
    }
    v->asking = false;
    if (v->open == 0)
        finish(v);
}

static void on_start(uv_timer_t *timer)
{
    ask(timer->data);
}

int dns_verify_start(uv_loop_t *loop, const struct address *address, uint16_t port,
                     int64_t timeout_us, const struct dns_claim *claim, dns_verify_done *done,
                     void *user, struct dns_verify **ret_verify)
{
    struct dns_verify *v = calloc(1, sizeof(*v));
    if (v == NULL)
        return ERR_MEMORY;
    int status = resolver_new(loop, address, port, timeout_us, &v->resolver);
    if (status != OK) {
        free(v);
        return status;
    }
    v->claim = *claim;
    v->done = done;
    v->user = user;
    v->status = OK;
    uv_timer_init(loop, &v->start);
    v->start.data = v;
    uv_timer_start(&v->start, on_start, 0, 0);
    *ret_verify = v;
    return OK;
}

void dns_verify_cancel(struct dns_verify *v)
{
    if (v != NULL && !v->cancelled)
        close_down(v);
}
