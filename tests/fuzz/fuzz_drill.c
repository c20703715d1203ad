/* fuzz_drill.c: any bytes as a drill's runbook, or as its canonical form: no crash, and what is
 * accepted comes back the same. The first byte chooses which. */
#include "config/drill_config.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static size_t encode(const struct drill *d, uint8_t *room, size_t size)
{
    struct drill copy = *d;
    struct codec w = codec_writer(room, size);
    drill_codec(&w, &copy);
    assert(codec_finish(&w) == OK);
    return w.pos;
}

static void as_text(const char *text, size_t size)
{
    static uint8_t first[DRILL_MAX_BYTES], second[DRILL_MAX_BYTES];
    struct config_errors errs = {0};
    struct drill d, again;
    char *shown = NULL;
    size_t n = 0;
    if (config_drill_parse(text, size, &d, &errs) == OK) {
        FILE *file = open_memstream(&shown, &n);
        assert(file != NULL);
        config_drill_print_yaml(&d, file);
        fclose(file);
        int status = config_drill_parse(shown, n, &again, &errs);
        assert(status == OK);
        n = encode(&d, first, sizeof first);
        size_t m = encode(&again, second, sizeof second);
        assert(n == m && memcmp(first, second, n) == 0);
    }
    config_errors_done(&errs);
    free(shown);
}

static void as_bytes(const uint8_t *data, size_t size)
{
    static uint8_t back[DRILL_MAX_BYTES];
    struct drill d = {0};
    struct codec r = codec_reader(data, size, NULL);
    drill_codec(&r, &d);
    if (codec_finish(&r) == OK) {
        size_t n = encode(&d, back, sizeof back);
        assert(n == size && memcmp(back, data, n) == 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size > 0 && data[0] == 0) {
        as_bytes(data + 1, size - 1);
    } else {
        as_text((const char *)data, size);
    }
    return 0;
}
