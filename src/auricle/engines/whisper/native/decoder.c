/* A step of Whisper's decoder: the next tokens of any number of texts in, logits out.
   `native/native_decoder.py` describes the arguments and calls it. */

#define AURICLE_NARROW_WEIGHTS /* steps wait for memory more than for sums */

#include "attention.h"
#include "layers.h"

typedef struct {
    Norm self_norm, cross_norm, ffn_norm;
    Linear self_qkv, self_out, cross_query, cross_out, ffn_up, ffn_down;
} DecoderLayer;

typedef struct {
    int32_t d_model, n_layers;
    const DecoderLayer *layers;
    Norm norm;
    Linear projection;
} Decoder;

typedef struct {
    const int8_t *const *keys; /* by layer, as the encoder gives them: (n_heads, n_positions, HEAD) */
    const int8_t *const *values;
    const float *scales; /* by layer the keys' and the values': (2 * n_layers, d_model) */
    int32_t n_positions;
    int32_t n_tokens; /* that look at it */
} Window;

typedef struct {
    int32_t n_tokens, n_windows, n_wanted;
    const Window *windows;         /* in the order of their tokens */
    const int32_t *positions;      /* of each token in its text */
    const int32_t *pages;          /* of all texts */
    const int32_t *first_page;     /* of each token's text among `pages` */
    const int32_t *wanted;         /* tokens whose logits are wanted */
    uint16_t *const *caches;       /* by layer keys and values: (n_pages, PAGE, d_model) */
} Batch;

/* What a step works in. */
typedef struct {
    float *hidden, *normal, *wide, *mixed; /* (n_tokens, d_model); `wide` four times as wide */
    Rounded rounded;                       /* of (n_tokens, 4 * d_model) */
} Room;

/* Divide memory from `at`, a multiple of 64; gives its end. */
static char *divide(char *at, float *hidden, size_t n_tokens, size_t d, Room *room) {
    room->hidden = hidden;
    room->normal = taken(&at, sizeof(float) * n_tokens * d);
    room->wide = taken(&at, sizeof(float) * n_tokens * 4 * d);
    room->mixed = taken(&at, sizeof(float) * n_tokens * d);
    room->rounded = rounded_room(&at, n_tokens, 4 * d);
    return at;
}

/* layer(norm(hidden)) of all tokens */
static void of_normal(const Decoder *decoder, const Linear *layer, Norm norm, Room s, int n, float *out) {
    normalise(s.hidden, n, norm, decoder->d_model, s.normal);
    round_rows(s.normal, n, decoder->d_model, s.rounded);
    linear(layer, s.rounded, n, out);
}

static void self_attention(const Decoder *decoder, int layer, const Batch *batch, Room s) {
    const int d = decoder->d_model, n = batch->n_tokens;
    const DecoderLayer *l = decoder->layers + layer;
    uint16_t *keys = batch->caches[2 * layer], *values = batch->caches[2 * layer + 1];
    of_normal(decoder, &l->self_qkv, l->self_norm, s, n, s.wide);
    for (int i = 0; i < n; i++) {
        const int p = batch->positions[i], page = batch->pages[batch->first_page[i] + p / PAGE];
        const size_t at = ((size_t)page * PAGE + p % PAGE) * d;
        const float *key = s.wide + (size_t)i * 3 * d + d;
        for (int j = 0; j < d; j += LANES) {
            store_half(keys + at + j, load(key + j));
            store_half(values + at + j, load(key + d + j));
        }
    }
    for (int i = 0; i < n; i++)
        for (int head = 0; head < d; head += HEAD)
            look_back(s.wide + (size_t)i * 3 * d + head, keys + head, values + head,
                      batch->pages + batch->first_page[i], batch->positions[i] + 1, d, s.mixed + (size_t)i * d + head);
    add_layer(&l->self_out, s.mixed, n, s.rounded, s.normal, s.hidden);
}

static void cross_attention(const Decoder *decoder, int layer, const Batch *batch, Room s) {
    const int d = decoder->d_model;
    const DecoderLayer *l = decoder->layers + layer;
    of_normal(decoder, &l->cross_query, l->cross_norm, s, batch->n_tokens, s.wide);
    size_t first = 0;
    for (int i = 0; i < batch->n_windows; i++) {
        const Window *w = batch->windows + i;
        const float *key_scale = w->scales + (size_t)2 * layer * d, *value_scale = key_scale + d;
        float *query = s.wide + first * d, *mixed = s.mixed + first * d;
        for (int t = 0; t < w->n_tokens; t++)
            for (int j = 0; j < d; j += LANES) {
                const Floats times = load(key_scale + j) * all(0.125f);
                store(query + (size_t)t * d + j, load(query + (size_t)t * d + j) * times);
            }
        look_at_window(w->keys[layer], w->values[layer], w->n_positions, query, w->n_tokens, d, mixed);
        for (int t = 0; t < w->n_tokens; t++)
            for (int j = 0; j < d; j += LANES)
                store(mixed + (size_t)t * d + j, load(mixed + (size_t)t * d + j) * load(value_scale + j));
        first += (size_t)w->n_tokens;
    }
    add_layer(&l->cross_out, s.mixed, batch->n_tokens, s.rounded, s.normal, s.hidden);
}

/* Bytes that a step of n_tokens works in. */
int64_t auricle_decoder_room(const Decoder *decoder, int n_tokens) {
    Room s;
    return (int64_t)(uintptr_t)divide(NULL, NULL, (size_t)n_tokens, (size_t)decoder->d_model, &s);
}

/* `hidden` holds token plus position, (n_tokens, d_model), and is overwritten. Logits: (n_wanted, projection.n_out). */
void auricle_decoder_step(const Decoder *decoder, const Batch *batch, float *hidden, char *room, float *logits) {
    const int d = decoder->d_model;
    Room s;
    divide(room, hidden, (size_t)batch->n_tokens, (size_t)d, &s);
    for (int layer = 0; layer < decoder->n_layers; layer++) {
        self_attention(decoder, layer, batch, s);
        cross_attention(decoder, layer, batch, s);
        const DecoderLayer *l = decoder->layers + layer;
        normalise(s.hidden, batch->n_tokens, l->ffn_norm, d, s.normal);
        feed_forward(&l->ffn_up, &l->ffn_down, s.normal, batch->n_tokens, s.rounded, s.wide, s.hidden);
    }
    for (int i = 0; i < batch->n_wanted; i++)
        normalise(s.hidden + (size_t)batch->wanted[i] * d, 1, decoder->norm, d, s.normal + (size_t)i * d);
    round_rows(s.normal, batch->n_wanted, d, s.rounded);
    linear(&decoder->projection, s.rounded, batch->n_wanted, logits);
}

/* The logarithm of the sum of the exponentials of n values. */
float auricle_log_sum_exp(const float *values, int n) {
    Floats most = all(-INFINITY), sum = all(0.0f);
    for (int i = 0; i < n; i += LANES) most = larger(most, load_first(values + i, n - i));
    const float greatest = greatest_in(most);
    for (int i = 0; i < n; i += LANES)
        sum = sum + exponential(load_first(values + i, n - i) - all(greatest));
    return greatest + logf(sum_of(sum));
}
