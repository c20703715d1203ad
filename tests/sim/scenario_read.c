/* scenario_read.c: the text of a scenario: lines to sentences, sentences to phrases. */
#include "scenario.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* --- Places -------------------------------------------------------------------------------------
 */

#define FIND(array, count)                                                                         \
    for (int64_t i = 0; i < (count); i++) {                                                        \
        if (strcmp((array)[i].name, word) == 0) {                                                  \
            return i;                                                                              \
        }                                                                                          \
    }                                                                                              \
    return -1

static int64_t find_link(const struct fleet *f, const char *word)
{
    FIND(f->links, f->link_count);
}
static int64_t find_idc(const struct fleet *f, const char *word)
{
    FIND(f->idcs, f->idc_count);
}
static int64_t find_carrier(const struct fleet *f, const char *word)
{
    FIND(f->carriers, f->carrier_count);
}
static int64_t find_conduit(const struct fleet *f, const char *word)
{
    FIND(f->conduits, f->conduit_count);
}
static int64_t find_service(const struct fleet *f, const char *word)
{
    FIND(f->services, f->service_count);
}
static int64_t find_view(const struct fleet *f, const char *word)
{
    FIND(f->views, f->view_count);
}
static int64_t find_region(const struct fleet *f, const char *word)
{
    FIND(f->regions, f->region_count);
}
static int64_t find_entrance(const struct fleet *f, const char *word)
{
    FIND(f->entrances, f->entrance_count);
}
static int64_t find_server(const struct fleet *f, const char *word)
{
    FIND(f->dns_servers, f->dns_server_count);
}

#define FIND_NAME(name_of, first, last)                                                            \
    (void)f;                                                                                       \
    for (unsigned i = (first); i <= (unsigned)(last); i++) {                                       \
        if (strcmp(name_of(i), word) == 0) {                                                       \
            return (int64_t)i;                                                                     \
        }                                                                                          \
    }                                                                                              \
    return -1

static int64_t find_incident(const struct fleet *f, const char *word)
{
    FIND_NAME(incident_kind_name, INCIDENT_LINK_CUT, INCIDENT_BLIND_OBSERVER);
}
static int64_t find_state(const struct fleet *f, const char *word)
{
    FIND_NAME(incident_state_name, INCIDENT_SUSPECTED, INCIDENT_CLOSED);
}
static int64_t find_health(const struct fleet *f, const char *word)
{
    FIND_NAME(health_name, HEALTH_UNKNOWN, HEALTH_DOWN);
}
static int64_t find_purpose(const struct fleet *f, const char *word)
{
    FIND_NAME(decide_purpose_name, DECIDE_NOTE, DECIDE_REVERT);
}
static int64_t find_order(const struct fleet *f, const char *word)
{
    FIND_NAME(order_kind_name, ORDER_DRAIN, ORDER_FLEET);
}
static int64_t find_drill_state(const struct fleet *f, const char *word)
{
    FIND_NAME(drill_state_name, DRILL_ASKED, DRILL_REFUSED);
}

static int64_t read_duration(const struct fleet *f, const char *word)
{
    (void)f;
    char *end;
    long long n = strtoll(word, &end, 10);
    int64_t unit = strcmp(end, "ms") == 0    ? US_PER_MS
                   : strcmp(end, "s") == 0   ? US_PER_SEC
                   : strcmp(end, "min") == 0 ? 60 * US_PER_SEC
                   : strcmp(end, "h") == 0   ? 3600 * US_PER_SEC
                                             : 0;
    bool bad = end == word || n < 0 || n > 100000 || unit == 0;
    return bad ? -1 : n * unit;
}

static int64_t read_share(const struct fleet *f, const char *word)
{
    (void)f;
    char *end;
    long long n = strtoll(word, &end, 10);
    return end == word || strcmp(end, "%") != 0 || n < 0 || n > 10000 ? -1 : n * 10000;
}

static int64_t read_count(const struct fleet *f, const char *word)
{
    (void)f;
    char *end;
    long long n = strtoll(word, &end, 10);
    return end == word || *end != '\0' || n < 0 || n > 100000 ? -1 : n;
}

/* An IDC, or an entrance after all of them. */
static int64_t find_place(const struct fleet *f, const char *word)
{
    int64_t idc = find_idc(f, word), entrance = find_entrance(f, word);
    return idc >= 0 ? idc : entrance >= 0 ? f->idc_count + entrance : -1;
}

static int64_t find_subject(const struct fleet *f, const char *word)
{
    return subject_named(f, word) ? 0 : -1;
}

static int64_t find_any(const struct fleet *f, const char *word)
{
    (void)f, (void)word;
    return 0;
}

static const struct {
    const char *place;
    int64_t (*find)(const struct fleet *f, const char *word);
} PLACES[] = {
    {"<link>", find_link},
    {"<idc>", find_idc},
    {"<carrier>", find_carrier},
    {"<conduit>", find_conduit},
    {"<service>", find_service},
    {"<view>", find_view},
    {"<region>", find_region},
    {"<entrance>", find_entrance},
    {"<server>", find_server},
    {"<incident>", find_incident},
    {"<state>", find_state},
    {"<health>", find_health},
    {"<purpose>", find_purpose},
    {"<order>", find_order},
    {"<drill-state>", find_drill_state},
    {"<time>", read_duration},
    {"<share>", read_share},
    {"<n>", read_count},
    {"<place>", find_place},
    {"<subject>", find_subject},
    {"<name>", find_any},
};

/* --- Phrases ------------------------------------------------------------------------------------
 */

static int64_t fill(const struct fleet *f, const char *place, size_t len, const char *word)
{
    for (size_t i = 0; i < sizeof PLACES / sizeof PLACES[0]; i++) {
        if (strlen(PLACES[i].place) == len && memcmp(PLACES[i].place, place, len) == 0) {
            return PLACES[i].find(f, word);
        }
    }
    (void)fprintf(stderr, "scenarios: no place is called %.*s\n", (int)len, place);
    return -1;
}

/* 1: matches; 0: other words; -1: its words, but a name in it does not exist (*ret_bad). */
static int match(const struct phrase *p, const struct fleet *f, char **words, uint32_t count,
                 struct args *ret_args, const char **ret_bad)
{
    const char *at = p->pattern;
    struct args a = {0};
    uint32_t n = 0, filled = 0;
    int result = 1;
    while (*at != '\0' && n < count) {
        size_t len = strcspn(at, " ");
        if (*at == '<') {
            a.word[filled] = words[n];
            a.at[filled] = fill(f, at, len, words[n]);
            if (a.at[filled] < 0 && result == 1) {
                *ret_bad = words[n];
                result = -1;
            }
            filled++;
        } else if (strlen(words[n]) != len || memcmp(at, words[n], len) != 0) {
            return 0;
        }
        at += len;
        at += *at == ' ' ? 1 : 0;
        n++;
    }
    if (*at != '\0' || n != count) {
        return 0;
    }
    *ret_args = result == 1 ? a : *ret_args;
    return result;
}

const struct phrase *phrase_find(const struct phrase *table, const struct fleet *f, char **words,
                                 uint32_t count, struct args *ret_args, const char **ret_problem)
{
    const char *bad = NULL;
    for (const struct phrase *p = table; p->pattern != NULL; p++) {
        if (match(p, f, words, count, ret_args, &bad) == 1) {
            return p;
        }
    }
    *ret_problem = bad == NULL ? *ret_problem : bad;
    return NULL;
}

/* --- Lines --------------------------------------------------------------------------------------
 */

struct reader {
    const char *path;
    struct scenario *c;
    unsigned number;
    int errors;
    uint32_t event; /* line of the newest event; SCENARIO_MAX_LINES: none */
};

static void complain(struct reader *r, const char *what, const char *which)
{
    (void)fprintf(stderr, "%s:%u: %s%s%s\n", r->path, r->number, what, which == NULL ? "" : ": ",
                  which == NULL ? "" : which);
    r->errors++;
}

static uint32_t split(char *text, char **words)
{
    uint32_t n = 0;
    for (char *w = strtok(text, " \t\n"); w != NULL && n < SCENARIO_MAX_WORDS;
         w = strtok(NULL, " \t\n")) {
        words[n++] = w;
    }
    return n;
}

static void read_action(struct reader *r, struct line *l, char **words, uint32_t count)
{
    const char *problem = NULL;
    const struct phrase *p =
        phrase_find(FAULT_PHRASES, r->c->own, words, count, &l->does_args, &problem);
    if (p == NULL) {
        p = phrase_find(WORD_PHRASES, r->c->own, words, count, &l->does_args, &problem);
    }
    if (p == NULL) {
        p = phrase_find(FLEET_PHRASES, r->c->own, words, count, &l->does_args, &problem);
    }
    if (p == NULL) {
        complain(r, problem == NULL ? "nothing of this kind can be done" : "unknown name", problem);
    }
    l->does = p;
}

static void read_condition(struct reader *r, struct line *l, char **words, uint32_t count)
{
    const char *problem = NULL;
    l->negated = count > 0 && strcmp(words[0], "not") == 0;
    uint32_t skip = l->negated ? 1 : 0;
    l->condition =
        phrase_find(CONDITION_PHRASES, r->c->own, words + skip, count - skip, &l->args, &problem);
    if (l->condition == NULL) {
        complain(r, problem == NULL ? "nothing of this kind can be seen" : "unknown name", problem);
    }
}

/* A word that ends with a colon, which is cut off. */
static bool takes_colon(char *word)
{
    size_t len = strlen(word);
    bool has = len > 0 && word[len - 1] == ':';
    word[len - (has ? 1 : 0)] = '\0';
    return has;
}

static uint32_t find_colon(char **words, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        if (takes_colon(words[i])) {
            return i;
        }
    }
    return count;
}

static void read_setup(struct reader *r, struct line *l, char **words, uint32_t count)
{
    const char *problem = NULL;
    struct args a = {0};
    l->kind = LINE_WITH;
    l->does = phrase_find(SETUP_PHRASES, r->c->own, words, count, &a, &problem);
    if (l->does == NULL) {
        l->does = phrase_find(BEGIN_PHRASES, r->c->own, words, count, &a, &problem);
    }
    l->does_args = a;
    if (l->does == NULL) {
        complain(r, problem == NULL ? "nothing of this kind can be set" : "unknown name", problem);
    }
}

static void read_expectation(struct reader *r, struct line *l, char **words, uint32_t head)
{
    bool within = strcmp(words[0], "within") == 0 && head == 1;
    bool from = strcmp(words[0], "from") == 0 && head == 3 && strcmp(words[2], "to") == 0;
    bool final = head == 1 && strcmp(words[0], "at") == 0 && strcmp(words[1], "last") == 0;
    l->kind = within ? LINE_WITHIN : from ? LINE_FROM : final ? LINE_FINALLY : l->kind;
    l->from_us = from ? read_duration(NULL, words[1]) : 0;
    l->to_us = within ? read_duration(NULL, words[1]) : from ? read_duration(NULL, words[3]) : 0;
    l->event = r->event;
    if (l->from_us < 0 || l->to_us < 0) {
        complain(r, "not a time (50ms, 4s, 2min)", NULL);
    }
    if ((within || from) && r->event == SCENARIO_MAX_LINES) {
        complain(r, "no event stands above it", NULL);
    }
}

static void read_line(struct reader *r, char *text)
{
    struct line *l = &r->c->lines[r->c->count];
    char *words[SCENARIO_MAX_WORDS];
    if (r->c->count == SCENARIO_MAX_LINES) {
        complain(r, "too many lines", NULL);
        return;
    }
    memset(l, 0, sizeof *l);
    text[strcspn(text, "#\n")] = '\0';
    (void)snprintf(l->text, sizeof l->text, "%s", text + strspn(text, " \t"));
    memcpy(l->words, l->text, sizeof l->words);
    uint32_t count = split(l->words, words), head = find_colon(words, count);
    l->number = r->number;
    l->fired_us = -1;
    if (count == 0) {
        return;
    }
    if (head == count) {
        complain(r, "a colon is missing", NULL);
        return;
    }
    char **rest = words + head + 1;
    uint32_t left = count - head - 1;
    if (strcmp(words[0], "with") == 0 && head == 0) {
        read_setup(r, l, rest, left);
    } else if (strcmp(words[0], "at") == 0 && head == 1 && strcmp(words[1], "last") != 0) {
        l->kind = LINE_AT;
        l->from_us = read_duration(NULL, words[1]);
        if (l->from_us < 0) {
            complain(r, "not a time", words[1]);
        }
        read_action(r, l, rest, left);
        r->event = r->c->count;
    } else if (strcmp(words[0], "when") == 0) {
        l->kind = LINE_WHEN;
        read_condition(r, l, words + 1, head);
        read_action(r, l, rest, left);
        l->event = r->event;
        r->event = r->c->count;
    } else {
        l->kind = strcmp(words[0], "never") == 0    ? LINE_NEVER
                  : strcmp(words[0], "always") == 0 ? LINE_ALWAYS
                                                    : LINE_WITH;
        read_expectation(r, l, words, head);
        if (l->kind == LINE_WITH) {
            complain(r, "begins with none of: at, when, within, from, never, always, at last, with",
                     words[0]);
            return;
        }
        read_condition(r, l, rest, left);
    }
    r->c->count++;
}

/* One of those that are shipped, or one beside the scenario. */
static struct fleet *find_fleet(const char *scenario, const char *fleets, const char *name)
{
    char path[1024];
    (void)snprintf(path, sizeof path, "%s/%s.yaml", fleets, name);
    const char *slash = strrchr(scenario, '/');
    int len = slash == NULL ? 0 : (int)(slash + 1 - scenario);
    if (access(path, R_OK) != 0) {
        (void)snprintf(path, sizeof path, "%.*s%s.yaml", len, scenario, name);
    }
    return sim_load_fleet(path);
}

/* name: value, before the timeline. True when it was one. */
static bool read_header(struct reader *r, char *line, const char *fleets)
{
    char key[16] = "", value[SCENARIO_TEXT_SIZE] = "";
    if (sscanf(line, "%15[a-z]: %255[^\n#]", key, value) != 2) {
        return false;
    }
    for (size_t n = strlen(value); n > 0 && value[n - 1] == ' '; n--) {
        value[n - 1] = '\0';
    }
    struct scenario *c = r->c;
    if (strcmp(key, "name") == 0) {
        memcpy(c->name, value, sizeof value);
    } else if (strcmp(key, "about") == 0) {
        memcpy(c->about, value, sizeof value);
    } else if (strcmp(key, "finds") == 0) {
        memcpy(c->bug, value, sizeof value);
    } else if (strcmp(key, "seed") == 0) {
        c->seed = strtoull(value, NULL, 10);
    } else if (strcmp(key, "end") == 0) {
        c->end_us = read_duration(NULL, value);
    } else if (strcmp(key, "fleet") == 0) {
        memcpy(c->fleet, value, sizeof value);
        free(c->own);
        c->own = find_fleet(r->path, fleets, value);
    } else {
        return false;
    }
    return true;
}

int scenario_read(const char *path, const char *fleets, struct scenario *ret_scenario)
{
    char line[2 * SCENARIO_TEXT_SIZE];
    FILE *in = fopen(path, "r");
    struct reader r = {.path = path, .c = ret_scenario, .event = SCENARIO_MAX_LINES};
    memset(ret_scenario, 0, sizeof *ret_scenario);
    if (in == NULL) {
        perror(path);
        return -1;
    }
    while (fgets(line, sizeof line, in) != NULL) {
        r.number++;
        if (strlen(line) >= SCENARIO_TEXT_SIZE) {
            complain(&r, "the line is too long", NULL);
        } else if (!read_header(&r, line, fleets) && ret_scenario->own != NULL) {
            read_line(&r, line);
        }
    }
    (void)fclose(in);
    bool whole = ret_scenario->name[0] != '\0' && ret_scenario->about[0] != '\0' &&
                 ret_scenario->seed != 0 && ret_scenario->end_us > 0;
    if (ret_scenario->own == NULL || !whole) {
        complain(&r, "name, about, fleet, seed and end have to be given first", NULL);
    }
    return r.errors == 0 ? 0 : -1;
}

void scenario_done(struct scenario *c)
{
    free(c->own);
    c->own = NULL;
}
