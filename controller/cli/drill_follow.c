/* drill_follow.c: a live drill: asked for, watched in the journal until it has ended, aborted. */
#include "cli/drill.h"

#include "cli/drill_words.h"
#include "cli/prediction.h"
#include "cli/records.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

enum {
    ASK_TIMEOUT_MS = 35000, /* the daemon answers within 30 s; a little more for a loaded host */
    LOOK_MS = 200,          /* between two looks into the journal */
};

/* A new request id as hex; false when there is no randomness. */
static bool new_id(char room[33])
{
    uint8_t random[16];
    if (getrandom(random, sizeof random, 0) != (ssize_t)sizeof random) {
        return false;
    }
    struct text t = text_over(room, 33);
    text_put_hex(&t, random, sizeof random);
    return true;
}

/* Sends a command; *ret_offset is its record's. The exit code, after a failure was told. */
static int command(const struct cli *c, json_t *request, const char *what, int64_t *ret_offset)
{
    char why[CLI_WHY_SIZE];
    if (request == NULL) {
        return cli_misuse(c, "the reason is not valid UTF-8");
    }
    json_t *answer = NULL;
    const int asked = host_ask_for(c, request, ASK_TIMEOUT_MS, &answer, why);
    if (asked != OK) {
        return cli_fail(c, OK, "%s: %s%s", what, asked == ERR_TIMEOUT ? "no word on it: " : "",
                        why);
    }
    int code = CLI_OK;
    if (json_is_true(json_object_get(answer, "ok"))) {
        *ret_offset = json_integer_value(json_object_get(answer, "offset"));
    } else {
        const char *said = json_string_value(json_object_get(answer, "why"));
        code = cli_fail(c, (int)json_integer_value(json_object_get(answer, "status")), "%s: %s",
                        what, said != NULL ? said : "refused");
    }
    json_decref(answer);
    return code;
}

/* --- Watching -----------------------------------------------------------------------------------
 */

/* Prints what was recorded since *offset, and moves it on. */
static void tell_news(const struct cli *c, const struct host *h, const struct drill *d,
                      struct logtime began, int64_t *offset)
{
    struct host_record r = {.offset = *offset};
    while (host_record_seek(h, JOURNAL_NEXT, &r) == OK) {
        *offset = r.offset;
        if (record_is_history(&r) && host_record_counts(&r)) {
            char room[SENTENCE_SIZE], sentence[SENTENCE_SIZE];
            struct text t = text_over(room, sizeof room);
            text_put_duration(&t, logtime_diff_us(r.record.log_time, began));
            text_put(&t, "  ");
            bool moves = r.record.kind == RECORD_DECIDE &&
                         r.record.decide.drill.state != DRILL_NEVER &&
                         r.record.decide.change_count == 0 && r.record.decide.incident_count == 0;
            if (moves) {
                drill_put_move(d, &r.record.decide.drill, &t);
            } else {
                record_sentence(h, &r, sentence);
                text_put(&t, sentence);
            }
            fprintf(c->out, "  %s\n", room);
            fflush(c->out);
        }
        host_record_done(&r);
        r = (struct host_record){.offset = *offset};
    }
}

/* Until the run that was asked for at offset `asked` has ended. */
static int watch(const struct cli *c, const struct drill *d, int64_t asked)
{
    int64_t offset = asked;
    struct logtime began = {0};
    for (;;) {
        struct host h;
        if (host_open(c, &h) != OK) {
            return CLI_FAILURE;
        }
        const struct drill_run *r = &h.control.drill;
        bool ours = r->offset == (uint64_t)asked, ended = ours && !drill_under_way(r);
        enum drill_state state = r->state;
        began = began.us == 0 && ours ? r->began : began;
        if (!c->json && ours) {
            tell_news(c, &h, d, began, &offset);
        }
        host_close(&h);
        if (ended) {
            return state == DRILL_PASSED ? CLI_OK : CLI_FAILURE;
        }
        nanosleep(&(struct timespec){.tv_nsec = LOOK_MS * 1000000L}, NULL);
    }
}

static json_t *drill_bytes(const struct drill *d)
{
    uint8_t bytes[DRILL_MAX_BYTES];
    static char hex[2 * DRILL_MAX_BYTES + 1];
    struct drill copy = *d;
    struct codec w = codec_writer(bytes, sizeof bytes);
    drill_codec(&w, &copy);
    struct text t = text_over(hex, sizeof hex);
    text_put_hex(&t, bytes, w.pos);
    return json_string(hex);
}

int drill_begin(const struct cli *c, const struct drill *d, const struct host *h,
                const struct drill_target *target)
{
    char id[33];
    int64_t asked = -1;
    struct prediction p;
    if (!new_id(id)) {
        return cli_fail(c, ERR_IO, "no random bytes");
    }
    if (!c->json && prediction_make(c, h, d, target, &p) == OK) {
        fprintf(c->out, "drill %s on %s, ", d->name, c->on);
        prediction_print(c, &p);
        prediction_done(&p);
        fflush(c->out);
    }
    int code = command(c,
                       json_pack("{s:s, s:s, s:s, s:o, s:s}", "request", "drill", "id", id,
                                 "reason", c->reason, "drill", drill_bytes(d), "subject", c->on),
                       "the drill was not begun", &asked);
    if (code != CLI_OK) {
        return code;
    }
    if (!c->json) {
        fputs("running; end it with `spillway drill abort --reason TEXT`\n", c->out);
        fflush(c->out);
    }
    code = watch(c, d, asked);
    const int told = drill_score(c);
    return code == CLI_OK ? told : code;
}

int drill_end(const struct cli *c)
{
    struct host h;
    char id[33];
    int64_t offset = -1;
    if (c->reason == NULL || c->reason[0] == '\0') {
        return cli_misuse(c, "an abort needs --reason TEXT: it is kept in the log");
    }
    if (host_open(c, &h) != OK) {
        return CLI_FAILURE;
    }
    uint32_t run = h.control.drill.id;
    bool under_way = drill_under_way(&h.control.drill);
    host_close(&h);
    if (!under_way) {
        return cli_fail(c, OK, "no drill is under way");
    }
    if (!new_id(id)) {
        return cli_fail(c, ERR_IO, "no random bytes");
    }
    int code = command(c,
                       json_pack("{s:s, s:s, s:s, s:I}", "request", "abort", "id", id, "reason",
                                 c->reason, "run", (json_int_t)run),
                       "the drill was not aborted", &offset);
    if (code == CLI_OK && c->json) {
        return cli_print_json(c, json_pack("{s:b, s:I, s:i}", "ok", 1, "offset", (json_int_t)offset,
                                           "run", (int)run));
    }
    if (code == CLI_OK) {
        fprintf(c->out,
                "drill %u is aborted (record %lld): every injector restores at once; "
                "`spillway drill report` tells what came of it\n",
                run, (long long)offset);
    }
    return code;
}

int drill_status(const struct cli *c)
{
    struct host h;
    if (host_open(c, &h) != OK) {
        return CLI_FAILURE;
    }
    int code = CLI_OK;
    if (c->json) {
        json_t *run = drill_run_json(&h.control);
        (void)json_object_set_new(run, "ok", json_true());
        code = cli_print_json(c, run);
    } else if (h.control.drill.state == DRILL_NEVER) {
        fputs("no drill was run in this log\n", c->out);
    } else {
        drill_print_run(&h.control, "", c->out);
    }
    host_close(&h);
    return code;
}
