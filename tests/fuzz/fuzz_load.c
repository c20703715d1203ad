/* fuzz_load.c: any bytes as a page of load, in both formats. What is accepted is within its bounds,
 * and says the same when it is written down again. */
#include "core/load_parse.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct view views[3] = {{.name = "north"}, {.name = "north-telecom"}, {.name = "east"}};
static const struct fleet fleet = {.views = views, .view_count = 3};

static void put_rate(FILE *out, uint64_t mrps)
{
    fprintf(out, "%" PRIu64 ".%03" PRIu64, mrps / 1000, mrps % 1000);
}

static char *write_json(const struct load_page *page)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    fprintf(out, "{\"saturation\":%u.%06u,\"requests_per_s\":", page->saturation_ppm / 1000000,
            page->saturation_ppm % 1000000);
    put_rate(out, page->requests_mrps);
    fputs(",\"errors_per_s\":", out);
    put_rate(out, page->errors_mrps);
    fputs(",\"views\":{", out);
    const char *glue = "";
    for (int v = 0; v < 3; v++) {
        if (!page->views[v].valid)
            continue;
        fprintf(out, "%s\"%s\":", glue, views[v].name);
        put_rate(out, page->views[v].mrps);
        glue = ",";
    }
    fputs("}}", out);
    fclose(out);
    return text;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const enum load_format formats[] = {LOAD_JSON, LOAD_PROMETHEUS};
    for (int i = 0; i < 2; i++) {
        static struct load_page page, again;
        memset(&page, 0, sizeof(page));
        if (load_parse(formats[i], (const char *)data, size, &fleet, &page) != OK)
            continue;
        assert(page.requests_mrps <= LOAD_MAX_MRPS && page.errors_mrps <= LOAD_MAX_MRPS);
        assert(page.saturation_ppm <= 1000000);
        char *text = write_json(&page);
        memset(&again, 0, sizeof(again));
        int status = load_parse(LOAD_JSON, text, strlen(text), &fleet, &again);
        assert(status == OK && again.requests_mrps == page.requests_mrps &&
               again.errors_mrps == page.errors_mrps &&
               again.saturation_ppm == page.saturation_ppm);
        for (int v = 0; v < 3; v++)
            assert(again.views[v].valid == page.views[v].valid &&
                   again.views[v].mrps == page.views[v].mrps);
        free(text);
    }
    return 0;
}
