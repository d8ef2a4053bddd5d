"""The Walsh-Hadamard transform in cache-sized blocks, and the permutation of its index.

A butterfly of distance h sends (x[k], x[k + h]) to their sum and difference; the transform is those of the distances
1, 2, 4, ..., n / 2. Three rules make it fast:

* Distances below 8 stay within a vector of eight lanes: shuffled and added with signs, and together with those up to
  32 they are done in registers, 64 entries at a time (`_in_registers`).
* Then come up to four distances in one sweep. LLVM makes vector code of a sweep only where it can prove that its 2, 4,
  8 or 16 streams do not overlap, which it can where h is a constant: every distance that a sweep begins at has its own
  compiled function, made by `_sweep`. From 2^10 on 16 streams would fall on the same lines of L1, and 8 do not.
* The sweeps are nested, so that each works on what the ones before it left in L1, L2 or L3 (the recursion of Johnson
  and Pueschel 2000, with one fixed tree).

Other axes of an array are sets of columns, which are copied to where they are neighbours.
"""

import numpy as np
from numba import njit, uint64
from numba.core import cgutils, types
from numba.extending import intrinsic

WIDTH = 64  # columns of a tile: four or eight cache lines of each row
BLOCK = 2**22  # entries that are done at once: what L3 may hold
TALL = 2**10  # the most rows of a tile
LONG = 2**16  # entries of rows that are added where they are, and not in tiles
CACHED = 2**20  # entries of an array whose rows are added where they are from 2^8 on


def _in_registers(n, first):
    """Return ``(x, k)``, an intrinsic: butterflies of the distances ``first <= h < n`` of x[k:k + n], 8 <= n <= 64."""
    ir, lanes = cgutils.ir, range(8)

    @intrinsic
    def butterflies(typing_context, x, k):
        def generate(context, builder, signature, arguments):
            number = context.get_data_type(x.dtype)
            vector, choice = ir.VectorType(number, 8), ir.VectorType(ir.IntType(32), 8)
            start = builder.gep(context.make_array(x)(context, builder, arguments[0]).data, [arguments[1]])
            places, v = [], []
            for i in range(n // 8):
                place = builder.gep(start, [ir.Constant(ir.IntType(64), 8 * i)])
                places.append(builder.bitcast(place, vector.as_pointer()))
                v.append(builder.load(places[i]))
                v[i].align = x.dtype.bitwidth // 8
            for h in (h for h in (1, 2, 4) if h >= first):  # within each vector: sign * lane + partner
                partners = ir.Constant(choice, [lane ^ h for lane in lanes])
                signs = ir.Constant(vector, [-1.0 if lane & h else 1.0 for lane in lanes])
                for i, a in enumerate(v):
                    partner = builder.shuffle_vector(a, ir.Constant(vector, ir.Undefined), partners)
                    v[i] = builder.fadd(builder.fmul(a, signs, flags=("contract",)), partner, flags=("contract",))
            for h in (h for h in (1, 2, 4) if h < n // 8):  # between vectors
                for i in (i for i in range(n // 8) if not i & h):
                    v[i], v[i | h] = builder.fadd(v[i], v[i | h]), builder.fsub(v[i], v[i | h])
            for a, place in zip(v, places, strict=True):
                builder.store(a, place).align = x.dtype.bitwidth // 8
            return context.get_dummy_value()

        return types.void(x, k), generate

    return butterflies


def _start(n):
    """Return ``start(x, lo, size, first)``: the butterflies of the distances ``first <= h < n``, first is 1, 2 or 4."""
    from_1, from_2, from_4 = (_in_registers(n, first) for first in (1, 2, 4))

    @njit(cache=True, nogil=True)
    def start(x, lo, size, first):
        if first == uint64(1):
            for s in range(lo, lo + size, uint64(n)):
                from_1(x, s)
        elif first == uint64(2):
            for s in range(lo, lo + size, uint64(n)):
                from_2(x, s)
        else:
            for s in range(lo, lo + size, uint64(n)):
                from_4(x, s)

    return start


@njit(cache=True, nogil=True)
def _four(a, b, c, d):
    """Butterflies of four numbers."""
    e, f, g, h = a + b, a - b, c + d, c - d
    return e + g, f + h, e - g, f - h


@njit(cache=True, nogil=True)
def _eight(a, b, c, d, e, f, g, h):
    """Butterflies of eight numbers."""
    a, b, c, d = _four(a, b, c, d)
    e, f, g, h = _four(e, f, g, h)
    return a + e, b + f, c + g, d + h, a - e, b - f, c - g, d - h


def _sweep(radix, distance):
    """Return ``sweep(x, lo, size)``: the butterflies of the distances h, 2 h, .., radix h / 2 of x[lo:lo + size]."""
    h, h2, h3, h4, h5, h6, h7, h8, step = (int(i * distance) for i in (*range(1, 9), radix))

    if radix == 2:

        @njit(cache=True, nogil=True)
        def sweep(x, lo, size):
            for s in range(lo, lo + size, uint64(step)):
                for j in range(uint64(h)):
                    k = s + uint64(j)
                    a, b = x[k], x[k + uint64(h)]
                    x[k], x[k + uint64(h)] = a + b, a - b

    elif radix == 4:

        @njit(cache=True, nogil=True)
        def sweep(x, lo, size):
            for s in range(lo, lo + size, uint64(step)):
                for j in range(uint64(h)):
                    k = s + uint64(j)
                    a, b, c, d = _four(x[k], x[k + uint64(h)], x[k + uint64(h2)], x[k + uint64(h3)])
                    x[k], x[k + uint64(h)], x[k + uint64(h2)], x[k + uint64(h3)] = a, b, c, d

    elif radix == 8:

        @njit(cache=True, nogil=True)
        def sweep(x, lo, size):
            for s in range(lo, lo + size, uint64(step)):
                for j in range(uint64(h)):
                    k = s + uint64(j)
                    m = k + uint64(h4)
                    a, b, c, d, e, f, g, i = _eight(
                        x[k], x[k + uint64(h)], x[k + uint64(h2)], x[k + uint64(h3)],
                        x[m], x[m + uint64(h)], x[m + uint64(h2)], x[m + uint64(h3)],
                    )  # fmt: skip
                    x[k], x[k + uint64(h)], x[k + uint64(h2)], x[k + uint64(h3)] = a, b, c, d
                    x[m], x[m + uint64(h)], x[m + uint64(h2)], x[m + uint64(h3)] = e, f, g, i

    else:

        @njit(cache=True, nogil=True)
        def sweep(x, lo, size):
            for s in range(lo, lo + size, uint64(step)):
                for j in range(uint64(h)):
                    k = s + uint64(j)
                    m = k + uint64(h8)
                    a0, a1, a2, a3, a4, a5, a6, a7 = _eight(
                        x[k], x[k + uint64(h)], x[k + uint64(h2)], x[k + uint64(h3)],
                        x[k + uint64(h4)], x[k + uint64(h5)], x[k + uint64(h6)], x[k + uint64(h7)],
                    )  # fmt: skip
                    b0, b1, b2, b3, b4, b5, b6, b7 = _eight(
                        x[m], x[m + uint64(h)], x[m + uint64(h2)], x[m + uint64(h3)],
                        x[m + uint64(h4)], x[m + uint64(h5)], x[m + uint64(h6)], x[m + uint64(h7)],
                    )  # fmt: skip
                    x[k], x[k + uint64(h)], x[k + uint64(h2)], x[k + uint64(h3)] = a0 + b0, a1 + b1, a2 + b2, a3 + b3
                    x[k + uint64(h4)], x[k + uint64(h5)] = a4 + b4, a5 + b5
                    x[k + uint64(h6)], x[k + uint64(h7)] = a6 + b6, a7 + b7
                    x[m], x[m + uint64(h)], x[m + uint64(h2)], x[m + uint64(h3)] = a0 - b0, a1 - b1, a2 - b2, a3 - b3
                    x[m + uint64(h4)], x[m + uint64(h5)] = a4 - b4, a5 - b5
                    x[m + uint64(h6)], x[m + uint64(h7)] = a6 - b6, a7 - b7

    return sweep


_two_1, _four_1, _two_2 = _sweep(2, 1), _sweep(4, 1), _sweep(2, 2)  # the only ones that fit any number of entries
_start_8, _start_16, _start_32, _start_64 = (_start(n) for n in (8, 16, 32, 64))
_eight_8, _four_16, _two_32 = _sweep(8, 8), _sweep(4, 16), _sweep(2, 32)
_two_64, _four_64, _eight_64, _sixteen_64 = (_sweep(radix, 64) for radix in (2, 4, 8, 16))
_eight_10, _eight_13, _eight_16, _eight_19 = (_sweep(8, 2**log) for log in (10, 13, 16, 19))


@njit(cache=True, nogil=True)
def _pairs(a, b):
    for j in range(a.size):
        a[j], b[j] = a[j] + b[j], a[j] - b[j]


@njit(cache=True, nogil=True)
def _quadruples(a, b, c, d):
    for j in range(a.size):
        a[j], b[j], c[j], d[j] = _four(a[j], b[j], c[j], d[j])


@njit(cache=True, nogil=True)
def _any_distance(x, lo, size, first, n):
    """Butterflies of the distances ``first <= h < n`` of x[lo:lo + size]: views are checked not to overlap."""
    _strips(x, lo, size, first, n, uint64(0), first)


@njit(cache=True, nogil=True)
def _strips(x, lo, size, first, n, begin, end):
    """Those of the columns ``begin <= j < end`` only, where a row has ``first`` of them."""
    h = first
    while h < n:
        radix = uint64(4) if uint64(4) * h <= n else uint64(2)
        for s in range(lo, lo + size, radix * h):
            for row in range(s, s + h, first):
                i, wide = row + begin, end - begin
                if radix == uint64(4):
                    j, k, m = i + h, i + uint64(2) * h, i + uint64(3) * h
                    _quadruples(x[i : i + wide], x[j : j + wide], x[k : k + wide], x[m : m + wide])
                else:
                    _pairs(x[i : i + wide], x[i + h : i + h + wide])
        h *= radix


@njit(cache=True, nogil=True)
def _upto_10(x, lo, size, first, n):
    """Butterflies of the distances ``first <= h < min(n, 2^10)`` of at most 2^10 entries: they stay in L1."""
    if first <= uint64(4):
        if n >= uint64(64):
            _start_64(x, lo, size, first)
        elif n == uint64(32):
            _start_32(x, lo, size, first)
        elif n == uint64(16):
            _start_16(x, lo, size, first)
        elif n == uint64(8):
            _start_8(x, lo, size, first)
        elif first == uint64(2):
            _two_2(x, lo, size)
        elif n == uint64(4):
            _four_1(x, lo, size)
        else:
            _two_1(x, lo, size)
    elif first < uint64(64):
        if n < uint64(64):
            _any_distance(x, lo, size, first, n)
        elif first == uint64(8):
            _eight_8(x, lo, size)
        elif first == uint64(16):
            _four_16(x, lo, size)
        else:
            _two_32(x, lo, size)
    if first <= uint64(64):
        if n >= uint64(1024):
            _sixteen_64(x, lo, size)
        elif n == uint64(512):
            _eight_64(x, lo, size)
        elif n == uint64(256):
            _four_64(x, lo, size)
        elif n == uint64(128):
            _two_64(x, lo, size)
    else:
        _any_distance(x, lo, size, first, min(n, uint64(1024)))


@njit(cache=True, nogil=True)
def _fetch(source, x, lo, hi, scale):
    """Bring x[lo:hi] into the cache: ``scale * source`` where source has entries, ``scale * x`` where it has none."""
    if source.size > 0:
        for k in range(lo, hi):
            x[k] = scale * source[k]
    elif scale != 1:
        for k in range(lo, hi):
            x[k] *= scale


@njit(cache=True, nogil=True)
def _from_10(x, lo, hi, first, n, log):
    """Butterflies of the distances ``max(first, 2^log) <= h < min(n, 2^(log + 3))`` of x[lo:hi]."""
    low, high = uint64(1) << log, uint64(8) << log
    if n <= low or first >= high:
        return
    if n < high or first > low:
        _any_distance(x, lo, hi - lo, max(first, low), min(n, high))
    elif log == uint64(10):
        _eight_10(x, lo, hi - lo)
    elif log == uint64(13):
        _eight_13(x, lo, hi - lo)
    elif log == uint64(16):
        _eight_16(x, lo, hi - lo)
    else:
        _eight_19(x, lo, hi - lo)


@njit(cache=True, nogil=True)
def blocks(source, x, lo, hi, first, n, scale):
    """Butterflies of the distances ``first <= h < n <= 2^22`` of x[lo:hi], a multiple of n entries; see `_fetch`."""
    lo, hi, first, n = uint64(lo), uint64(hi), uint64(first), uint64(n)
    for b22 in range(lo, hi, uint64(2**22)):
        end22 = min(b22 + uint64(2**22), hi)
        for b19 in range(b22, end22, uint64(2**19)):
            end19 = min(b19 + uint64(2**19), end22)
            for b16 in range(b19, end19, uint64(2**16)):
                end16 = min(b16 + uint64(2**16), end19)
                for b13 in range(b16, end16, uint64(2**13)):
                    end13 = min(b13 + uint64(2**13), end16)
                    _fetch(source, x, b13, end13, scale)
                    if first < uint64(2**10):
                        for b10 in range(b13, end13, uint64(2**10)):
                            _upto_10(x, b10, min(uint64(2**10), end13 - b10), first, n)
                    _from_10(x, b13, end13, first, n, uint64(10))
                _from_10(x, b16, end16, first, n, uint64(13))
            _from_10(x, b19, end19, first, n, uint64(16))
        _from_10(x, b22, end22, first, n, uint64(19))


@njit(cache=True, nogil=True)
def strips(part, n_parts, x, stride, rows):
    """Butterflies of the distances ``stride <= h < rows stride`` of one part of the columns, where they are."""
    begin, end = stride * part // n_parts, stride * (part + 1) // n_parts
    _strips(x, uint64(0), uint64(x.size), uint64(stride), uint64(rows * stride), uint64(begin), uint64(end))


@njit(cache=True, nogil=True)
def columns(part, n_parts, source, x, stride, rows, scale):
    """Butterflies of the distances ``stride <= h < rows stride`` of one part of the columns, copied to be neighbours.

    A tile of up to `WIDTH` columns goes into a scratch, where the distances are those from the width on; source and
    scale are as in `_fetch`.
    """
    stride, rows = uint64(stride), uint64(rows)
    width = uint64(1)
    while width < stride and width < uint64(WIDTH):
        width *= uint64(2)
    tiles = (stride + width - uint64(1)) // width
    total = uint64(x.size) // (rows * stride) * tiles
    scratch = np.zeros(rows * width, x.dtype)
    none = scratch[:0]
    for tile in range(total * uint64(part) // uint64(n_parts), total * uint64(part + 1) // uint64(n_parts)):
        column = tile % tiles * width
        lo = tile // tiles * rows * stride + column
        wide = min(width, stride - column)
        for i in range(rows):
            k, m = lo + uint64(i) * stride, uint64(i) * width
            if source.size > 0:
                for j in range(wide):
                    scratch[m + uint64(j)] = scale * source[k + uint64(j)]
            else:
                for j in range(wide):
                    scratch[m + uint64(j)] = scale * x[k + uint64(j)]
        blocks(none, scratch, 0, scratch.size, width, rows * width, x.dtype.type(1))
        for i in range(rows):
            k, m = lo + uint64(i) * stride, uint64(i) * width
            for j in range(wide):
                x[k + uint64(j)] = scratch[m + uint64(j)]


def share_of_blocks(part, n_parts, source, x, first, n, scale):
    """Do one part of all blocks of n entries; see `blocks`."""
    n_blocks = x.size // n
    blocks(source, x, n_blocks * part // n_parts * n, n_blocks * (part + 1) // n_parts * n, first, n, scale)


def fwht(x, out, scale, spread, n_parts):
    """Write ``scale`` times the transform of the middle axis of x (outer, n, inner) into ``out``, which may be x.

    ``spread(function, range(n_parts))`` runs the parts of a phase side by side and returns their answers.
    """
    n, dtype = x.shape[1], x.real.dtype
    if n == 1 or x.size == 0:  # the kernels want one distance at least
        return np.multiply(x, out.dtype.type(scale), out=out)
    source, target = x.reshape(-1).view(dtype), out.reshape(-1).view(dtype)
    none, one, scale = target[:0], dtype.type(1), dtype.type(scale)
    if out is x:
        source = none

    def run(phase, *arguments):
        list(spread(lambda part: phase(part, n_parts, *arguments), range(n_parts)))  # over when every part has answered

    stride = target.size // (x.shape[0] * n)  # entries from one row of the transformed axis to the next
    end = stride * n
    if stride & (stride - 1) == 0 and stride < LONG:
        block = min(end, BLOCK)
        while block > 2 * stride and target.size // block < n_parts:
            block //= 2
        run(share_of_blocks, source, target, stride, block, scale)
        source, scale, stride = none, one, block
    while stride < min(end, LONG) and not (stride >= 2**8 and end <= CACHED):
        rows = min(end // stride, TALL)
        run(columns, source, target, stride, rows, scale)
        source, scale, stride = none, one, stride * rows
    if stride < end:
        if source.size or scale != 1:
            np.multiply(x, out.dtype.type(scale), out=out)
        run(strips, target, stride, end // stride)
    return out


@njit(cache=True, nogil=True)
def _permute(x, out, rows, columns, is_gray):
    """Eight columns of the matrix (low, high) at a time: whole cache lines are written, and read along the rows."""
    low, high = uint64(rows.size), uint64(columns.size)
    for lo in range(uint64(0), uint64(x.size), low * high):
        for c in range(uint64(0), high, uint64(8)):
            for j in range(low):
                to = lo + uint64(rows[j]) * high + c
                for e in range(uint64(8)):
                    i = uint64(columns[c + uint64(e)])
                    k = low - uint64(1) - uint64(j) if is_gray and i & uint64(1) else uint64(j)
                    out[to + uint64(e)] = x[lo + i * low + k]


def permute(x, out, rows, columns, order):
    """Write the rows of x (outer, n) into ``out`` in natural order; see the reference."""
    _permute(x.reshape(-1), out.reshape(-1), rows, columns, order == "sequency")
