/* suggest.c: Levenshtein distance with one row, for short words only. */
#include "config/suggest.h"

#include <stdio.h>
#include <string.h>

enum { LONGEST = 63 };

struct suggestion suggest_start(const char *word)
{
    const size_t len = strlen(word);
    /* A third of the word may differ, at least one character and at most three. */
    const unsigned limit = len < 6 ? 1 : len < 12 ? 2 : 3;
    return (struct suggestion){.word = word, .best = NULL, .distance = limit + 1};
}

static unsigned least(unsigned a, unsigned b)
{
    return a < b ? a : b;
}

static unsigned edit_distance(const char *a, size_t na, const char *b, size_t nb)
{
    unsigned row[LONGEST + 1];
    for (size_t j = 0; j <= nb; j++) {
        row[j] = (unsigned)j;
    }
    for (size_t i = 1; i <= na; i++) {
        unsigned diagonal = row[0];
        row[0] = (unsigned)i;
        for (size_t j = 1; j <= nb; j++) {
            const unsigned above = row[j];
            const unsigned change = diagonal + (a[i - 1] != b[j - 1]);
            row[j] = least(change, least(above, row[j - 1]) + 1);
            diagonal = above;
        }
    }
    return row[nb];
}

void suggest_offer(struct suggestion *s, const char *name)
{
    const size_t nw = strlen(s->word), nn = strlen(name);
    if (nw == 0 || nw > LONGEST || nn > LONGEST || nw > nn + s->distance || nn > nw + s->distance) {
        return;
    }
    const unsigned d = edit_distance(s->word, nw, name, nn);
    if (d < s->distance) {
        s->distance = d;
        s->best = name;
    }
}

void suggest_put(const struct suggestion *s, char *room, size_t size)
{
    if (s->best == NULL) {
        room[0] = '\0';
    } else {
        snprintf(room, size, "; did you mean \"%.80s\"?", s->best);
    }
}
