package io.espalier.columnar;

import io.espalier.memory.Bytes;
import io.espalier.memory.Layouts;
import io.espalier.memory.Words;
import java.lang.foreign.MemorySegment;

/**
 * Finds many sorted probes in a much longer range of sorted keys. Probes go in groups: one gallop
 * finds a window that holds all of a group, and then they are searched side by side, by steps of
 * the same length without a branch on what is found. So their cache misses overlap, and no branch
 * is mispredicted.
 *
 * <p>Keys are compared by one word: a long itself; for bytes, the eight bytes behind what all keys
 * of the range have in common. Where equal words do not decide, whole values do, in a second pass.
 *
 * <p>Kernels without state.
 */
final class ProbeSearch {

    /** How many probes are searched side by side: more than a processor has registers for. */
    private static final int WIDE_LANES = 8;

    /** The same where a step takes more than a load and a comparison. */
    private static final int LANES = 4;

    /** What a search may write behind its list: less than a group. */
    static final int SLACK = WIDE_LANES;

    /** Below so many keys for each probe, walking along both is cheaper than searching. */
    private static final long WALKED = 6;

    private ProbeSearch() {}

    /**
     * Lists which keys in {@code [from, to)} equal one of the probes {@code [probeFrom, probeTo)}.
     * Key {@code from} is less than the first of these probes, key {@code to} exists and is not
     * less than the last.
     *
     * @param hits where the indexes of the keys go, 64 bits each: room for one for each probe and
     *     for {@link #SLACK} more
     * @return how many there are
     */
    static long find(
            Column keys,
            long from,
            long to,
            Column probes,
            long probeFrom,
            long probeTo,
            MemorySegment out,
            long hits) {
        assert Column.compare(keys, from, probes, probeFrom) < 0;
        assert Column.compare(keys, to, probes, probeTo - 1) >= 0;
        boolean bytes = keys.kind() == ColumnType.Kind.BYTES;
        if (keys.isVariable()) {
            long skip = skip(keys, from, to);
            locateVariable(keys, from, to, probes, probeFrom, probeTo, out, hits, skip);
            return keepEqual(keys, to, probes, probeFrom, probeTo, out, hits);
        }
        if (keys.encoding() != TrieLayout.FIXED || keys.width() < Long.BYTES) {
            return byGallop(keys, from, to, probes, probeFrom, probeTo, out, hits);
        }
        // the word may start within what is common, but never ends behind the value
        long skip = bytes ? Math.min(skip(keys, from, to), keys.width() - Long.BYTES) : 0;
        boolean decides =
                skip + Long.BYTES >= keys.width()
                        && probes.encoding() == TrieLayout.FIXED
                        && probes.width() == keys.width();
        if (decides) {
            long end = keys.gallop(from, to, probes, probeTo - 1) + 1;
            if (end - from < WALKED * (probeTo - probeFrom)) {
                return walk(keys, from, end, probes, probeFrom, probeTo, out, hits, skip, bytes);
            }
        }
        locateFixed(keys, from, to, probes, probeFrom, probeTo, out, hits, skip, bytes);
        return keys.kind() == ColumnType.Kind.LONG
                ? keepEqualLongs(keys, probes, probeFrom, probeTo, out, hits)
                : keepEqual(keys, to, probes, probeFrom, probeTo, out, hits);
    }

    /** How many bytes all keys from the first to the last have in common. */
    private static long skip(Column keys, long from, long to) {
        return Bytes.commonPrefix(
                keys.segment(),
                keys.offsetOf(from),
                keys.segment(),
                keys.offsetOf(to),
                Math.min(keys.sizeOf(from), keys.sizeOf(to)));
    }

    private static long byGallop(
            Column keys,
            long from,
            long to,
            Column probes,
            long probeFrom,
            long probeTo,
            MemorySegment out,
            long hits) {
        long at = from;
        long count = 0;
        for (long probe = probeFrom; probe < probeTo; probe++) {
            at = keys.gallop(at, to, probes, probe);
            if (Column.compare(keys, at, probes, probe) == 0) {
                Words.setLong(out, hits, count++, at);
            }
        }
        return count;
    }

    /**
     * Walks along keys and probes whose words decide. Its branches are mispredicted where hits lie
     * at random; even so that costs less than steps without a branch, which each wait for the one
     * before.
     */
    private static long walk(
            Column keys,
            long from,
            long to,
            Column probes,
            long probeFrom,
            long probeTo,
            MemorySegment out,
            long hits,
            long skip,
            boolean bytes) {
        MemorySegment keySegment = keys.segment();
        MemorySegment probeSegment = probes.segment();
        long width = keys.width();
        long key = keys.data() + skip + from * width;
        long keyEnd = key + (to - from) * width;
        long probe = probes.data() + skip + probeFrom * width;
        long probeEnd = probe + (probeTo - probeFrom) * width;
        long wanted = wordAt(probeSegment, probe, bytes);
        long index = from;
        long target = hits;
        while (key < keyEnd) {
            long word = wordAt(keySegment, key, bytes);
            while (word > wanted) {
                probe += width;
                if (probe >= probeEnd) {
                    return (target - hits) >> 3;
                }
                wanted = wordAt(probeSegment, probe, bytes);
            }
            if (word == wanted) {
                out.set(Layouts.LONG, target, index);
                target += Long.BYTES;
            }
            key += width;
            index++;
        }
        return (target - hits) >> 3;
    }

    /** What a group's window is at first: twice what its probes need if they lie evenly. */
    private static long window(long from, long to, long probes, int lanes) {
        return Long.highestOneBit(Math.max(1, (to - from) / probes * lanes)) << 1;
    }

    /** Writes for each probe the first key whose word is not less than the probe's. */
    private static void locateFixed(
            Column keys,
            long from,
            long to,
            Column probes,
            long probeFrom,
            long probeTo,
            MemorySegment out,
            long positions,
            long skip,
            boolean bytes) {
        MemorySegment segment = keys.segment();
        long data = keys.data() + skip;
        long width = keys.width();
        long window = window(from, to, probeTo - probeFrom, WIDE_LANES);
        long target = positions;
        long low = from;
        long last = probeTo - 1;
        // the last group repeats its last probe: what is written too often lies in the room behind
        for (long probe = probeFrom; probe < probeTo; probe += WIDE_LANES) {
            long a = wordOf(probes, probe, skip, bytes);
            long b = wordOf(probes, Math.min(probe + 1, last), skip, bytes);
            long c = wordOf(probes, Math.min(probe + 2, last), skip, bytes);
            long d = wordOf(probes, Math.min(probe + 3, last), skip, bytes);
            long e = wordOf(probes, Math.min(probe + 4, last), skip, bytes);
            long f = wordOf(probes, Math.min(probe + 5, last), skip, bytes);
            long g = wordOf(probes, Math.min(probe + 6, last), skip, bytes);
            long h = wordOf(probes, Math.min(probe + 7, last), skip, bytes);
            long high = low + window;
            long step = window;
            while (high < to && wordAt(segment, data + high * width, bytes) < h) {
                step <<= 1;
                high += step;
            }
            long length = Math.min(high, to) - low;
            long i = data + low * width;
            long j = i;
            long k = i;
            long l = i;
            long m = i;
            long n = i;
            long o = i;
            long p = i;
            while (length > 1) {
                long half = length >>> 1;
                long reach = half * width;
                long look = reach - width;
                i += reach & less(wordAt(segment, i + look, bytes), a);
                j += reach & less(wordAt(segment, j + look, bytes), b);
                k += reach & less(wordAt(segment, k + look, bytes), c);
                l += reach & less(wordAt(segment, l + look, bytes), d);
                m += reach & less(wordAt(segment, m + look, bytes), e);
                n += reach & less(wordAt(segment, n + look, bytes), f);
                o += reach & less(wordAt(segment, o + look, bytes), g);
                p += reach & less(wordAt(segment, p + look, bytes), h);
                length -= half;
            }
            if (length == 1) {
                i += width & less(wordAt(segment, i, bytes), a);
                j += width & less(wordAt(segment, j, bytes), b);
                k += width & less(wordAt(segment, k, bytes), c);
                l += width & less(wordAt(segment, l, bytes), d);
                m += width & less(wordAt(segment, m, bytes), e);
                n += width & less(wordAt(segment, n, bytes), f);
                o += width & less(wordAt(segment, o, bytes), g);
                p += width & less(wordAt(segment, p, bytes), h);
            }
            out.set(Layouts.LONG, target, indexOf(i - data, width));
            out.set(Layouts.LONG, target + 8, indexOf(j - data, width));
            out.set(Layouts.LONG, target + 16, indexOf(k - data, width));
            out.set(Layouts.LONG, target + 24, indexOf(l - data, width));
            out.set(Layouts.LONG, target + 32, indexOf(m - data, width));
            out.set(Layouts.LONG, target + 40, indexOf(n - data, width));
            out.set(Layouts.LONG, target + 48, indexOf(o - data, width));
            out.set(Layouts.LONG, target + 56, indexOf(p - data, width));
            target += WIDE_LANES * Long.BYTES;
            low = indexOf(p - data, width);
        }
    }

    /**
     * The same for keys of different sizes. A loop of its own: these positions are indexes, and
     * those of the other loop offsets, which saves it a multiplication for each step of each lane.
     */
    private static void locateVariable(
            Column keys,
            long from,
            long to,
            Column probes,
            long probeFrom,
            long probeTo,
            MemorySegment out,
            long positions,
            long skip) {
        long window = window(from, to, probeTo - probeFrom, LANES);
        long target = positions;
        long low = from;
        long probe = probeFrom;
        while (probe < probeTo) {
            long last = probeTo - 1;
            long a = wordOf(probes, probe, skip, true);
            long b = wordOf(probes, Math.min(probe + 1, last), skip, true);
            long c = wordOf(probes, Math.min(probe + 2, last), skip, true);
            long d = wordOf(probes, Math.min(probe + 3, last), skip, true);
            long high = low + window;
            long step = window;
            while (high < to && wordOf(keys, high, skip, true) < d) {
                step <<= 1;
                high += step;
            }
            long length = Math.min(high, to) - low;
            long i = low;
            long j = low;
            long k = low;
            long l = low;
            while (length > 1) {
                long half = length >>> 1;
                i += half & less(wordOf(keys, i + half - 1, skip, true), a);
                j += half & less(wordOf(keys, j + half - 1, skip, true), b);
                k += half & less(wordOf(keys, k + half - 1, skip, true), c);
                l += half & less(wordOf(keys, l + half - 1, skip, true), d);
                length -= half;
            }
            if (length == 1) {
                i -= less(wordOf(keys, i, skip, true), a);
                j -= less(wordOf(keys, j, skip, true), b);
                k -= less(wordOf(keys, k, skip, true), c);
                l -= less(wordOf(keys, l, skip, true), d);
            }
            low = l;
            out.set(Layouts.LONG, target, i);
            out.set(Layouts.LONG, target + 8, j);
            out.set(Layouts.LONG, target + 16, k);
            out.set(Layouts.LONG, target + 24, l);
            target += LANES * Long.BYTES;
            probe += LANES;
        }
    }

    private static long indexOf(long offset, long width) {
        return width == Long.BYTES ? offset >> 3 : offset / width;
    }

    /** All bits if x is less than y, none if not. */
    private static long less(long x, long y) {
        long d = x - y;
        return (d ^ ((x ^ y) & (d ^ x))) >> 63;
    }

    private static long wordAt(MemorySegment segment, long at, boolean bytes) {
        long word = segment.get(Layouts.LONG, at);
        return bytes ? Long.reverseBytes(word) ^ Words.FLIP : word;
    }

    /** The same of one value of a column, whose bytes may end within the word. */
    private static long wordOf(Column column, long index, long skip, boolean bytes) {
        return bytes
                ? Bytes.prefix(
                                column.segment(),
                                column.offsetOf(index) + skip,
                                column.sizeOf(index) - skip)
                        ^ Words.FLIP
                : column.longAt(index);
    }

    /** Leaves those positions whose keys equal their probes; returns how many they are. */
    private static long keepEqualLongs(
            Column keys,
            Column probes,
            long probeFrom,
            long probeTo,
            MemorySegment out,
            long positions) {
        long target = positions;
        for (long probe = probeFrom; probe < probeTo; probe++) {
            long position = Words.getLong(out, positions, probe - probeFrom);
            out.set(Layouts.LONG, target, position);
            target += keys.longAt(position) == probes.longAt(probe) ? Long.BYTES : 0;
        }
        return (target - positions) >> 3;
    }

    /** The same where words may be equal that belong to different values. */
    private static long keepEqual(
            Column keys,
            long to,
            Column probes,
            long probeFrom,
            long probeTo,
            MemorySegment out,
            long positions) {
        long target = positions;
        for (long probe = probeFrom; probe < probeTo; probe++) {
            long position = Words.getLong(out, positions, probe - probeFrom);
            int order = Column.compare(keys, position, probes, probe);
            if (order < 0) {
                position = keys.gallop(position, to, probes, probe);
                order = Column.compare(keys, position, probes, probe);
            }
            out.set(Layouts.LONG, target, position);
            target += order == 0 ? Long.BYTES : 0;
        }
        return (target - positions) >> 3;
    }
}
