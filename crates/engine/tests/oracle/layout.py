"""How a parameter of transformers is made of GGUF tensors.

A layout is called with the parameter's shape and answers (shapes, combine): the shapes of the GGUF
tensors, and a function from their values to the parameter's.
"""
import numpy as np


def same(shape):
    return [shape], lambda x: x


def row(shape):
    """A matrix of one row that GGUF keeps as a vector."""
    return [shape[1:]], lambda x: x[None]


def column(shape):
    """A vector that GGUF keeps as a matrix of one column."""
    return [[*shape, 1]], lambda x: x[:, 0]


def conv(shape):
    """One-dimensional convolution of each channel by itself; GGUF has no dimension between."""
    return [[shape[0], shape[2]]], lambda x: x[:, None]


def log_decay(shape):
    """GGUF holds the decays' logarithms, transformers the logarithms of their magnitudes."""
    return [shape], lambda x: np.log(-x)


def log_decay_column(shape):
    return [[*shape, 1]], lambda x: np.log(-x[:, 0])


def groups(n):
    """A norm's weights, in GGUF a row for each of n groups."""
    return lambda shape: ([[n, shape[0] // n]], lambda x: x.reshape(shape))


def grouped_qkvz(n_group, k_dim, n_value):
    """Rows are query, key, values and gates of each key head in transformers; all queries, all
    keys, all values, and in another tensor all gates, in GGUF. `n_value`: rows of a key head's
    values."""

    def layout(shape):
        counts = [k_dim, k_dim, n_value, n_value]

        def combine(qkv, z):
            q, k, v = np.split(qkv, np.cumsum([n_group * n for n in counts[:2]]))
            parts = [x.reshape(n_group, n, -1) for x, n in zip([q, k, v, z], counts)]
            return np.concatenate(parts, axis=1).reshape(shape)

        n_qkv = n_group * (2 * k_dim + n_value)
        return [[n_qkv, shape[1]], [n_group * n_value, shape[1]]], combine

    return layout


def value_heads(n_group, n_head, first=0, axis=0):
    """Value heads of a key head stand together in transformers and take turns with those of the
    other key heads in GGUF; from `first` on."""

    def layout(shape):
        def combine(x):
            x = np.moveaxis(x, axis, 0)
            before, heads = x[:first], x[first:]
            own = heads.reshape(n_head // n_group, n_group, -1, *heads.shape[1:])
            own = own.swapaxes(0, 1).reshape(heads.shape)
            return np.moveaxis(np.concatenate([before, own]), 0, axis).reshape(shape)

        return [shape], combine

    return layout


def then(layout, other):
    """What `other` makes of a tensor is taken by `layout`."""

    def both(shape):
        shapes, combine = other(shape)
        (inner,), reorder = layout(shapes[0])
        return [inner], lambda x: combine(reorder(x))

    return both


def plus_one(shape):
    """GGUF holds one more than the parameter."""
    return [shape], lambda x: x - np.float32(1)


def transposed(shape):
    return [shape[::-1]], lambda x: x.T


def paired(n_head):
    """GGUF keeps lanes that turn together side by side, transformers half a head apart."""

    def layout(shape):
        half = shape[0] // n_head // 2
        return [shape], lambda x: x.reshape(n_head, half, 2, -1).swapaxes(1, 2).reshape(shape)

    return layout


def heads_of_three(n_head):
    """Rows are [n_head, 3, head_dim] in transformers, [3, n_head, head_dim] in GGUF."""

    def layout(shape):
        dim = shape[0] // n_head // 3
        return [shape], lambda x: x.reshape(3, n_head, dim, -1).swapaxes(0, 1).reshape(shape)

    return layout


def groups_with_kv(n_head, n_head_kv):
    """Rows are groups of query heads, each with its key and value head, in transformers; all
    queries, all keys, all values in GGUF."""

    def layout(shape):
        n_rep, dim = n_head // n_head_kv, shape[0] // (n_head + 2 * n_head_kv)

        def combine(x):
            heads = x.reshape(n_head + 2 * n_head_kv, dim, -1)
            q = heads[:n_head].reshape(n_head_kv, n_rep, dim, -1)
            k = heads[n_head : n_head + n_head_kv, None]
            v = heads[n_head + n_head_kv :, None]
            return np.concatenate([q, k, v], axis=1).reshape(shape)

        return [shape], combine

    return layout


def gate_and_up(shape):
    """Experts' gate and up, [n_expert, 2 * n_ff, n_embd], are two tensors in GGUF."""
    part = [shape[0], shape[1] // 2, *shape[2:]]
    return [part, part], lambda gate, up: np.concatenate([gate, up], axis=1)


def gate_and_up_rows(shape):
    """The same of one perceptron, [2 * n_ff, n_embd]."""
    part = [shape[0] // 2, shape[1]]
    return [part, part], lambda gate, up: np.concatenate([gate, up], axis=0)


def transposed_gate_and_up(shape):
    """The same of experts as [n_expert, n_embd, 2 * n_ff]."""
    part = [shape[0], shape[2] // 2, shape[1]]
    return [part, part], lambda gate, up: np.concatenate([gate, up], axis=1).swapaxes(1, 2)


def behind_padding(n):
    """A table whose first n rows are for padding, which GGUF leaves out."""

    def layout(shape):
        return [[shape[0] - n, shape[1]]], lambda x: np.concatenate([np.zeros_like(x[:n]), x])

    return layout


def interleaved_gate_and_up(shape):
    """The same as [n_expert, n_embd, 2 * n_ff] with gate and up taking turns."""
    part = [shape[0], shape[2] // 2, shape[1]]
    return [part, part], lambda gate, up: (
        np.stack([gate, up], axis=2).reshape(shape[0], shape[2], shape[1]).swapaxes(1, 2)
    )


def interleaved_biases(shape):
    part = [shape[0], shape[1] // 2]
    return [part, part], lambda gate, up: np.stack([gate, up], axis=2).reshape(shape)


def transposed_experts(shape):
    return [[shape[0], shape[2], shape[1]]], lambda x: x.swapaxes(1, 2)


def split_experts(n_parts):
    """Each expert's parts are tensors of their own in GGUF: all of the first, then of the next."""

    def layout(shape):
        part = [shape[1] // n_parts, shape[2]]

        def combine(*parts):
            by_part = [parts[i :: n_parts] for i in range(n_parts)]
            return np.stack([np.concatenate(expert, axis=0) for expert in zip(*by_part)])

        return [part] * (shape[0] * n_parts), combine

    return layout


def stacked_norms(i):
    """One head's norm of a GGUF tensor [n_head, head_dim]; see `cases.head_norms`."""

    def layout(shape):
        return [None], lambda x: x[i]

    return layout


def latent_heads(n_head, nope_dim, value_dim):
    """Per head a way out for keys and one for values; in GGUF two tensors, the first transposed."""

    def layout(shape):
        rank = shape[1]

        def combine(k_b, v_b):
            return np.concatenate([k_b.swapaxes(1, 2), v_b], axis=1).reshape(shape)

        return [[n_head, rank, nope_dim], [n_head, value_dim, rank]], combine

    return layout
