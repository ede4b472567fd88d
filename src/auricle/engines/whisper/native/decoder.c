/* A step of Whisper's decoder: the next tokens of any number of texts in, logits out.
   `native/decoder.py` describes the arguments and calls it. */

#include "attention.h"
#include "linear.h"

typedef struct {
    const float *weight, *bias;
} Norm;

typedef struct {
    Norm self_norm, cross_norm, feed_norm;
    Linear self_qkv, self_out, cross_query, cross_out, feed_up, feed_down;
} Layer;

typedef struct {
    int32_t d_model, n_layers;
    const Layer *layers;
    Norm norm;
    Linear projection;
} Model;

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

typedef struct {
    float *hidden, *normal, *wide, *mixed; /* (n_tokens, d_model); `wide` four times as wide */
    Rounded rounded;                       /* of (n_tokens, 4 * d_model) */
} Scratch;

static void normalise(const float *x, Norm norm, int d, float *out) {
    Floats sum = all(0.0f), square = all(0.0f);
    for (int i = 0; i < d; i += LANES) sum = _mm512_add_ps(sum, load(x + i));
    const Floats mean = all(_mm512_reduce_add_ps(sum) / (float)d);
    for (int i = 0; i < d; i += LANES) {
        const Floats away = _mm512_sub_ps(load(x + i), mean);
        square = _mm512_fmadd_ps(away, away, square);
    }
    const Floats variance = all(_mm512_reduce_add_ps(square) / (float)d + 1e-5f);
    const Floats times = _mm512_div_ps(all(1.0f), _mm512_sqrt_ps(variance));
    for (int i = 0; i < d; i += LANES) {
        const Floats normal = _mm512_mul_ps(_mm512_sub_ps(load(x + i), mean), times);
        store(out + i, _mm512_fmadd_ps(normal, load(norm.weight + i), load(norm.bias + i)));
    }
}

static void add_to(float *x, const float *more, size_t n) {
    for (size_t i = 0; i < n; i += LANES) store(x + i, _mm512_add_ps(load(x + i), load(more + i)));
}

/* layer(norm(hidden)) of all tokens */
static void of_normal(const Model *model, const Linear *layer, Norm norm, Scratch s, int n, float *out) {
    const int d = model->d_model;
    for (int i = 0; i < n; i++) normalise(s.hidden + (size_t)i * d, norm, d, s.normal + (size_t)i * d);
    round_rows(s.normal, n, d, s.rounded);
    linear(layer, s.rounded, n, out);
}

/* hidden += layer(x) */
static void add_layer(const Model *model, const Linear *layer, const float *x, Scratch s, int n) {
    round_rows(x, n, layer->n_in, s.rounded);
    linear(layer, s.rounded, n, s.normal);
    add_to(s.hidden, s.normal, (size_t)n * model->d_model);
}

static void self_attention(const Model *model, int layer, const Batch *batch, Scratch s) {
    const int d = model->d_model, n = batch->n_tokens;
    const Layer *l = model->layers + layer;
    uint16_t *keys = batch->caches[2 * layer], *values = batch->caches[2 * layer + 1];
    of_normal(model, &l->self_qkv, l->self_norm, s, n, s.wide);
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
    add_layer(model, &l->self_out, s.mixed, s, n);
}

static void cross_attention(const Model *model, int layer, const Batch *batch, Scratch s) {
    const int d = model->d_model;
    const Layer *l = model->layers + layer;
    of_normal(model, &l->cross_query, l->cross_norm, s, batch->n_tokens, s.wide);
    size_t first = 0;
    for (int i = 0; i < batch->n_windows; i++) {
        const Window *w = batch->windows + i;
        const float *key_scale = w->scales + (size_t)2 * layer * d, *value_scale = key_scale + d;
        float *query = s.wide + first * d, *mixed = s.mixed + first * d;
        for (int t = 0; t < w->n_tokens; t++)
            for (int j = 0; j < d; j += LANES) {
                const Floats times = _mm512_mul_ps(load(key_scale + j), all(0.125f));
                store(query + (size_t)t * d + j, _mm512_mul_ps(load(query + (size_t)t * d + j), times));
            }
        look_at_window(w->keys[layer], w->values[layer], w->n_positions, query, w->n_tokens, d, mixed);
        for (int t = 0; t < w->n_tokens; t++)
            for (int j = 0; j < d; j += LANES)
                store(mixed + (size_t)t * d + j, _mm512_mul_ps(load(mixed + (size_t)t * d + j), load(value_scale + j)));
        first += (size_t)w->n_tokens;
    }
    add_layer(model, &l->cross_out, s.mixed, s, batch->n_tokens);
}

static void feed_forward(const Model *model, int layer, Scratch s, int n) {
    const Layer *l = model->layers + layer;
    of_normal(model, &l->feed_up, l->feed_norm, s, n, s.wide);
    const size_t n_wide = (size_t)n * l->feed_up.n_out;
    for (size_t i = 0; i < n_wide; i += LANES) store(s.wide + i, gelu(load(s.wide + i)));
    add_layer(model, &l->feed_down, s.wide, s, n);
}

/* `hidden` holds token plus position. Logits: (n_wanted, projection.n_out). */
void auricle_decoder_step(const Model *model, const Batch *batch, const Scratch *scratch, float *logits) {
    const Scratch s = *scratch;
    const int d = model->d_model;
    for (int layer = 0; layer < model->n_layers; layer++) {
        self_attention(model, layer, batch, s);
        cross_attention(model, layer, batch, s);
        feed_forward(model, layer, s, batch->n_tokens);
    }
    for (int i = 0; i < batch->n_wanted; i++)
        normalise(s.hidden + (size_t)batch->wanted[i] * d, model->norm, d, s.normal + (size_t)i * d);
    round_rows(s.normal, batch->n_wanted, d, s.rounded);
    linear(&model->projection, s.rounded, batch->n_wanted, logits);
}
