/* fence_text.c: strict text form of fences and holds. */
#include "actuate/fence_text.h"

#include "base/text.h"

#include <assert.h>
#include <string.h>

/* What is left to read. The first failure sticks in status. */
struct cursor {
    const char *at;
    size_t left;
    int status;
};

static void fail(struct cursor *c, int status)
{
    if (c->status == OK)
        c->status = status;
}

static void take_word(struct cursor *c, const char *word)
{
    size_t n = text_length(word);
    if (c->status != OK || c->left < n || memcmp(c->at, word, n) != 0) {
        fail(c, ERR_INVALID);
        return;
    }
    c->at += n;
    c->left -= n;
}

/* Decimal digits without a leading zero (except "0"), at most max. */
static uint64_t take_number(struct cursor *c, uint64_t max)
{
    uint64_t v = 0;
    size_t n = 0;
    while (n < c->left && c->at[n] >= '0' && c->at[n] <= '9') {
        uint64_t digit = (uint64_t)(c->at[n] - '0');
        if (v > (max - digit) / 10) {
            fail(c, ERR_INVALID);
            return 0;
        }
        v = v * 10 + digit;
        n++;
    }
    if (n == 0 || (n > 1 && c->at[0] == '0'))
        fail(c, ERR_INVALID);
    if (c->status != OK)
        return 0;
    c->at += n;
    c->left -= n;
    return v;
}

static int hex_value(char ch)
{
    if (ch >= '0' && ch <= '9')
        return ch - '0';
    if (ch >= 'a' && ch <= 'f')
        return ch - 'a' + 10;
    return -1;
}

static void take_hex(struct cursor *c, uint8_t *bytes, size_t n)
{
    if (c->status != OK || c->left < 2 * n) {
        fail(c, ERR_INVALID);
        return;
    }
    for (size_t i = 0; i < n; i++) {
        int high = hex_value(c->at[2 * i]), low = hex_value(c->at[2 * i + 1]);
        if (high < 0 || low < 0) {
            fail(c, ERR_INVALID);
            return;
        }
        bytes[i] = (uint8_t)(high << 4 | low);
    }
    c->at += 2 * n;
    c->left -= 2 * n;
}

static bool is_plain(char ch, bool spaces)
{
    return ((ch > ' ' && ch <= '~') || (spaces && ch == ' ')) && ch != '"' && ch != '\\';
}

/* One to size - 1 plain characters up to the end or, without spaces, up to the next space. */
static void take_plain(struct cursor *c, char *field, size_t size, bool spaces)
{
    size_t n = 0;
    while (n < c->left && is_plain(c->at[n], spaces))
        n++;
    if (c->status != OK || n == 0 || n >= size) {
        fail(c, ERR_INVALID);
        return;
    }
    memcpy(field, c->at, n);
    field[n] = '\0';
    c->at += n;
    c->left -= n;
}

/* Unsigned decimal; text_put_int() is for signed numbers. */
static void put_number(struct text *t, uint64_t v)
{
    char digits[20];
    size_t at = sizeof(digits);
    do {
        digits[--at] = (char)('0' + v % 10);
        v /= 10;
    } while (v != 0);
    text_put_n(t, digits + at, sizeof(digits) - at);
}

size_t fence_text_format(const struct fence *f, char ret_text[FENCE_TEXT_SIZE])
{
    struct text t = text_over(ret_text, FENCE_TEXT_SIZE);
    text_put(&t, "v=1 era=");
    put_number(&t, f->era);
    text_put(&t, " log=");
    text_put_hex(&t, f->log_id.bytes, sizeof(f->log_id.bytes));
    text_put(&t, " gen=");
    put_number(&t, f->generation);
    text_put(&t, " digest=");
    text_put_hex(&t, f->digest.bytes, sizeof(f->digest.bytes));
    assert(!t.truncated);
    return t.len;
}

int fence_text_parse(const char *text, size_t len, struct fence *ret_fence)
{
    struct cursor c = {text, len, OK};
    struct fence f = {0};
    take_word(&c, "v=");
    uint64_t version = take_number(&c, UINT64_MAX);
    if (c.status == OK && version != 1)
        return version > 1 ? ERR_VERSION : ERR_INVALID;
    take_word(&c, " era=");
    f.era = take_number(&c, UINT64_MAX);
    take_word(&c, " log=");
    take_hex(&c, f.log_id.bytes, sizeof(f.log_id.bytes));
    take_word(&c, " gen=");
    f.generation = take_number(&c, UINT64_MAX);
    take_word(&c, " digest=");
    take_hex(&c, f.digest.bytes, sizeof(f.digest.bytes));
    if (c.status == OK && c.left != 0)
        fail(&c, ERR_INVALID);
    if (c.status != OK)
        return c.status;
    *ret_fence = f;
    return OK;
}

int hold_text_format(const struct fence_hold *h, char ret_text[HOLD_TEXT_SIZE])
{
    char room[HOLD_TEXT_SIZE];
    struct text t = text_over(room, sizeof(room));
    text_put(&t, "hold=");
    put_number(&t, h->id);
    text_put(&t, " who=");
    text_put(&t, h->who);
    text_put(&t, " why=");
    text_put(&t, h->why);
    struct fence_hold back;
    if (t.truncated || hold_text_parse(room, t.len, &back) != OK || !text_equal(back.who, h->who) ||
        !text_equal(back.why, h->why))
        return ERR_INVALID;
    memcpy(ret_text, room, t.len + 1);
    return (int)t.len;
}

int hold_text_parse(const char *text, size_t len, struct fence_hold *ret_hold)
{
    struct cursor c = {text, len, OK};
    struct fence_hold h = {0};
    take_word(&c, "hold=");
    h.id = (uint32_t)take_number(&c, UINT32_MAX);
    take_word(&c, " who=");
    take_plain(&c, h.who, sizeof(h.who), false);
    take_word(&c, " why=");
    take_plain(&c, h.why, sizeof(h.why), true);
    if (c.status == OK && (c.left != 0 || h.id == 0))
        fail(&c, ERR_INVALID);
    if (c.status != OK)
        return c.status;
    *ret_hold = h;
    return OK;
}
