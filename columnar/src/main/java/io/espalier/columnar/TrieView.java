package io.espalier.columnar;

import io.espalier.memory.Checksums;
import io.espalier.memory.Layouts;
import io.espalier.memory.NativeMemory;
import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;

/**
 * A chunk image read in place, wherever its bytes are: resident, mapped, or decompressed. Three
 * layers of groups over four of content: key {@code k} has vals {@code [valsFrom(k), valsTo(k))},
 * val {@code v} has updates {@code [updatesFrom(v), updatesTo(v))}, and each update has a time and
 * a diff.
 *
 * <p>A view owns nothing and may be bound again and again; it is valid while the bytes are pinned.
 * Not thread-safe.
 */
public final class TrieView {

    private MemorySegment segment = MemorySegment.NULL;
    private long offset;
    private long sizeBytes;
    private long binding;
    private TrieType type = TrieType.BYTES_TO_BYTES;
    private long typeCode = type.code();
    private long keyCount;
    private long valCount;
    private long updateCount;
    private boolean pairs;
    private long timeMin;
    private long timeMax;
    private long secondTimeMin;
    private long secondTimeMax;

    private final Column keys = new Column();
    private final Bounds keyBounds = new Bounds();
    private final Column vals = new Column();
    private final Bounds valBounds = new Bounds();
    private final Column times = new Column();
    private final Column diffs = new Column();
    private final Column payloads = new Column();

    /** A view of nothing, until it is bound. */
    public TrieView() {}

    /**
     * Reads the header of an image whose bytes are known to be whole.
     *
     * @throws ImageException if there is no image
     */
    public TrieView bind(NativeMemory memory, long offset) {
        return bind(memory.segment(), offset);
    }

    TrieView bind(MemorySegment segment, long offset) {
        if (segment.get(Layouts.LONG, offset) != TrieLayout.MAGIC) {
            throw new ImageException(
                    "no chunk image at " + offset + ": the magic number is missing");
        }
        binding++;
        this.segment = segment;
        this.offset = offset;
        sizeBytes = segment.get(Layouts.LONG, offset + TrieLayout.SIZE_AT);
        long code = segment.get(Layouts.LONG, offset + TrieLayout.TYPE_AT);
        if (code != typeCode) {
            type = TrieType.ofCode(code);
            typeCode = code;
        }
        pairs = type.time() == TimeType.PAIR;
        keyCount = segment.get(Layouts.LONG, offset + TrieLayout.KEYS_AT);
        valCount = segment.get(Layouts.LONG, offset + TrieLayout.VALS_AT);
        updateCount = segment.get(Layouts.LONG, offset + TrieLayout.UPDATES_AT);
        timeMin = segment.get(Layouts.LONG, offset + TrieLayout.TIME_MIN_AT);
        timeMax = segment.get(Layouts.LONG, offset + TrieLayout.TIME_MAX_AT);
        secondTimeMin =
                pairs ? segment.get(Layouts.LONG, offset + TrieLayout.SECOND_TIME_MIN_AT) : 0;
        secondTimeMax =
                pairs ? segment.get(Layouts.LONG, offset + TrieLayout.SECOND_TIME_MAX_AT) : 0;
        bind(keys, TrieLayout.KEYS, type.key().kind(), keyCount);
        keys.setAscending();
        bind(keyBounds, TrieLayout.KEY_BOUNDS, keyCount);
        bind(vals, TrieLayout.VALS, type.val().kind(), valCount);
        bind(valBounds, TrieLayout.VAL_BOUNDS, valCount);
        bind(times, TrieLayout.TIMES, type.time().column().kind(), updateCount);
        bind(diffs, TrieLayout.DIFFS, ColumnType.Kind.LONG, updateCount);
        bind(payloads, TrieLayout.PAYLOADS, ColumnType.Kind.BYTES, updateCount);
        return this;
    }

    /**
     * Makes this a view of columns that are in no image: the caller binds {@link #keys()} and the
     * others, bounds included. Times have no bounds then.
     */
    void bindOpen(
            TrieType type, MemorySegment segment, long keyCount, long valCount, long updateCount) {
        this.type = type;
        this.typeCode = type.code();
        this.segment = segment;
        this.offset = 0;
        this.sizeBytes = 0;
        this.keyCount = keyCount;
        this.valCount = valCount;
        this.updateCount = updateCount;
        this.pairs = type.time() == TimeType.PAIR;
        this.timeMin = 0;
        this.timeMax = -1;
        this.secondTimeMin = 0;
        this.secondTimeMax = pairs ? -1 : 0;
        this.binding++;
    }

    /** Makes this a view of the columns of another one, which the caller may then bind anew. */
    void bindCopy(TrieView other) {
        bindOpen(other.type, other.segment, other.keyCount, other.valCount, other.updateCount);
        keys.bind(other.keys);
        keys.setAscending();
        keyBounds.bind(other.keyBounds);
        vals.bind(other.vals);
        valBounds.bind(other.valBounds);
        times.bind(other.times);
        diffs.bind(other.diffs);
        payloads.bind(other.payloads);
    }

    /** Counts bindings, so that a pin knows whether the view is still its own. */
    public long binding() {
        return binding;
    }

    /**
     * Lets go of bytes that may become another's, unless the view was bound to others since: for
     * the end of a {@link ChunkPin}.
     *
     * @param binding what {@link #binding()} was when the pin bound the view
     */
    public void unbind(long binding) {
        if (this.binding == binding) {
            unbind();
        }
    }

    /** Lets go of bytes that may become another's: reading through the view fails from here on. */
    void unbind() {
        segment = MemorySegment.NULL;
        sizeBytes = 0;
        keyCount = 0;
        valCount = 0;
        updateCount = 0;
        unbind(keys);
        unbind(vals);
        unbind(times);
        unbind(diffs);
        unbind(payloads);
        keyBounds.bind(0, segment, 0, 0);
        valBounds.bind(0, segment, 0, 0);
    }

    private void unbind(Column column) {
        column.bind(column.kind(), TrieLayout.ABSENT, 0, segment, 0, 0, 0);
    }

    private void bind(Column column, int index, ColumnType.Kind kind, long count) {
        long entry = offset + TrieLayout.DIRECTORY_AT + (long) index * TrieLayout.ENTRY_BYTES;
        int encoding = segment.get(Layouts.INT, entry + TrieLayout.ENTRY_ENCODING_AT);
        long width = segment.get(Layouts.INT, entry + TrieLayout.ENTRY_WIDTH_AT) & 0xFFFFFFFFL;
        long at = offset + segment.get(Layouts.LONG, entry + TrieLayout.ENTRY_OFFSET_AT);
        long data = at;
        if (encoding == TrieLayout.VARIABLE) {
            data = at + TrieLayout.align((count + 1) * Integer.BYTES);
        }
        column.bind(kind, encoding, width, segment, at, data, count);
    }

    private void bind(Bounds bounds, int index, long count) {
        long entry = offset + TrieLayout.DIRECTORY_AT + (long) index * TrieLayout.ENTRY_BYTES;
        int encoding = segment.get(Layouts.INT, entry + TrieLayout.ENTRY_ENCODING_AT);
        long width = segment.get(Layouts.INT, entry + TrieLayout.ENTRY_WIDTH_AT) & 0xFFFFFFFFL;
        long at = offset + segment.get(Layouts.LONG, entry + TrieLayout.ENTRY_OFFSET_AT);
        bounds.bind(encoding == TrieLayout.CONSTANT ? width : 0, segment, at, count);
    }

    /** The size of the image at an offset, from its header. */
    public static long sizeBytesAt(MemorySegment segment, long offset) {
        return segment.get(Layouts.LONG, offset + TrieLayout.SIZE_AT);
    }

    /**
     * Writes the checksum into the header of an image that is about to leave memory. Doing so twice
     * writes the same bytes.
     */
    public static void stamp(MemorySegment segment, long offset) {
        segment.set(Layouts.INT, offset + TrieLayout.CHECKSUM_AT, checksum(segment, offset));
    }

    private static int checksum(MemorySegment segment, long offset) {
        long size = sizeBytesAt(segment, offset);
        return Checksums.crc32c(
                segment, offset + TrieLayout.VERSION_AT, size - TrieLayout.VERSION_AT);
    }

    /**
     * Checks that {@code [offset, offset + sizeBytes)} is one whole, stamped image: magic, version,
     * size, checksum, and that every column lies where it may.
     *
     * @throws ImageException that says what is wrong
     */
    public static void check(MemorySegment segment, long offset, long sizeBytes) {
        if (sizeBytes < TrieLayout.HEADER_BYTES) {
            throw new ImageException(
                    "chunk image of "
                            + sizeBytes
                            + " bytes, expected "
                            + TrieLayout.HEADER_BYTES
                            + " or more");
        }
        if (segment.get(Layouts.LONG, offset) != TrieLayout.MAGIC) {
            throw new ImageException("the magic number of a chunk image is missing");
        }
        int version = segment.get(Layouts.INT, offset + TrieLayout.VERSION_AT);
        if (version < TrieLayout.VERSION_MIN || version > TrieLayout.VERSION) {
            throw new ImageException(
                    "chunk image has version "
                            + version
                            + ", expected "
                            + TrieLayout.VERSION_MIN
                            + " to "
                            + TrieLayout.VERSION);
        }
        long size = sizeBytesAt(segment, offset);
        if (size != sizeBytes) {
            throw new ImageException("chunk image has size " + size + ", expected " + sizeBytes);
        }
        int found = segment.get(Layouts.INT, offset + TrieLayout.CHECKSUM_AT);
        int expected = checksum(segment, offset);
        if (found != expected) {
            throw new ImageException(
                    "chunk image has CRC32C 0x"
                            + Integer.toHexString(expected)
                            + ", expected 0x"
                            + Integer.toHexString(found));
        }
        new ImageCheck(segment, offset, sizeBytes).run();
    }

    /** The type of the trie. */
    public TrieType type() {
        return type;
    }

    /** The size of the image in bytes. */
    public long sizeBytes() {
        return sizeBytes;
    }

    /** Where the image starts in its segment. */
    public long offset() {
        return offset;
    }

    /** The segment that holds the image. */
    public MemorySegment segment() {
        return segment;
    }

    /** The number of distinct keys. */
    public long keyCount() {
        return keyCount;
    }

    /** The number of distinct (key, val). */
    public long valCount() {
        return valCount;
    }

    /** The number of updates: (key, val, time), each with its diff. */
    public long updateCount() {
        return updateCount;
    }

    /** The least time, unsigned; of pairs the least first number. */
    public long timeMin() {
        return timeMin;
    }

    /** The greatest time, unsigned; of pairs the greatest first number. */
    public long timeMax() {
        return timeMax;
    }

    /** The least second number of pairs, unsigned; else 0. */
    public long secondTimeMin() {
        return secondTimeMin;
    }

    /** The greatest second number of pairs, unsigned; else 0. */
    public long secondTimeMax() {
        return secondTimeMax;
    }

    /** The distinct keys, ascending. */
    public Column keys() {
        return keys;
    }

    /** The vals of all keys, in order; ascending within a key. */
    public Column vals() {
        return vals;
    }

    /** The times of all vals, in order; ascending (unsigned) within a val. */
    public Column times() {
        return times;
    }

    /** One for each update: the count, or the order key of an upsert. */
    public Column diffs() {
        return diffs;
    }

    /** One for each update of an upsert trie: what was upserted. */
    public Column payloads() {
        return payloads;
    }

    /**
     * Whether each key has one val with one update, so that key, val and update have the same index
     * and one loop goes over all three. Loops over groups give the same, but where each group has
     * one member, they cost several times what the reading does.
     */
    public boolean isSingle() {
        return keyBounds.stride() == 1 && valBounds.stride() == 1;
    }

    /** The first val of a key; of {@code keyCount()}, the number of vals. */
    public long valsFrom(long key) {
        return keyBounds.start(key);
    }

    /** The val after the last one of a key. */
    public long valsTo(long key) {
        return keyBounds.end(key);
    }

    /** The first update of a val; of {@code valCount()}, the number of updates. */
    public long updatesFrom(long val) {
        return valBounds.start(val);
    }

    /** The update after the last one of a val. */
    public long updatesTo(long val) {
        return valBounds.end(val);
    }

    /** The first update of a key; of {@code keyCount()}, the number of updates. */
    public long updatesFromKey(long key) {
        return valBounds.start(keyBounds.start(key));
    }

    /** The val that an update belongs to. */
    public long valOfUpdate(long update) {
        return valBounds.groupOf(update);
    }

    /** The key that a val belongs to. */
    public long keyOfVal(long val) {
        return keyBounds.groupOf(val);
    }

    /** The time of an update, unsigned; the first number of a pair. */
    public long timeAt(long update) {
        return times.longAt(update);
    }

    /** The second number of the time of an update, unsigned, where times are pairs; else 0. */
    public long secondTimeAt(long update) {
        return pairs ? segment.get(Layouts.LONG, times.offsetOf(update) + Long.BYTES) : 0;
    }

    /** The count of an update, or the order key of an upsert. */
    public long diffAt(long update) {
        return diffs.longAt(update);
    }

    /**
     * The bytes that all updates take when every value is written out and every key and val has a
     * bound: what chunks are graded by. It does not depend on encodings, adds up over pieces, and
     * the columns of an image never exceed it by more than their padding.
     */
    public long flatBytes() {
        return flatBytes(0, keyCount, 0, valCount, 0, updateCount);
    }

    /** The same for some keys, vals and updates. */
    long flatBytes(long keysFrom, long keysTo, long valsFrom, long valsTo, long from, long to) {
        long bytes =
                keys.flatBytes(keysFrom, keysTo)
                        + vals.flatBytes(valsFrom, valsTo)
                        + (keysTo - keysFrom + valsTo - valsFrom) * TrieLayout.OFFSET_BYTES
                        + (to - from) * type.updateBytes();
        return type.diff() == DiffType.COUNT ? bytes : bytes + payloads.flatBytes(from, to);
    }

    /** By how much {@link #flatBytes()} would shrink without the last update. */
    long flatBytesOfLast() {
        long val = valCount - 1;
        long key = keyCount - 1;
        boolean valGoes = updateCount - updatesFrom(val) == 1;
        boolean keyGoes = valGoes && valCount - valsFrom(key) == 1;
        return flatBytes(
                keyGoes ? key : keyCount,
                keyCount,
                valGoes ? val : valCount,
                valCount,
                updateCount - 1,
                updateCount);
    }

    /** An update as text, for messages. */
    String describe(long key, long val, long update) {
        return "("
                + keys.describe(key)
                + ", "
                + vals.describe(val)
                + ", "
                + Long.toUnsignedString(timeAt(update))
                + ")";
    }

    /** The sum of all diffs, modulo 2<sup>64</sup>. */
    public long diffSum() {
        if (diffs.isConstant()) {
            return updateCount * diffs.longAt(0);
        }
        long sum = 0;
        for (long i = 0; i < updateCount; i++) {
            sum += diffs.longAt(i);
        }
        return sum;
    }

    /** Whether the last update lies below the first of another view, by (key, val, time). */
    public boolean endsBelow(TrieView next) {
        int order = Column.compare(keys, keyCount - 1, next.keys, 0);
        if (order == 0) {
            order = Column.compare(vals, valCount - 1, next.vals, 0);
            if (order == 0) {
                order =
                        TimeType.compare(
                                timeAt(updateCount - 1),
                                secondTimeAt(updateCount - 1),
                                next.timeAt(0),
                                next.secondTimeAt(0));
            }
        }
        return order < 0;
    }

    /**
     * What is not in order: keys, vals of a key, times of a val, or a count of zero; null if none.
     */
    public @Nullable String firstDisorder() {
        for (long key = 1; key < keyCount; key++) {
            if (Column.compare(keys, key - 1, keys, key) >= 0) {
                return "key " + key + " is not above the one before";
            }
        }
        for (long key = 0; key < keyCount; key++) {
            for (long val = valsFrom(key); val < valsTo(key); val++) {
                if (val > valsFrom(key) && Column.compare(vals, val - 1, vals, val) >= 0) {
                    return "val " + val + " is not above the one before";
                }
                for (long i = updatesFrom(val); i < updatesTo(val); i++) {
                    if (i > updatesFrom(val)
                            && TimeType.compare(
                                            timeAt(i - 1),
                                            secondTimeAt(i - 1),
                                            timeAt(i),
                                            secondTimeAt(i))
                                    >= 0) {
                        return "time " + i + " is not above the one before";
                    }
                    if (type.diff() == DiffType.COUNT && diffAt(i) == 0) {
                        return "update " + i + " counts zero";
                    }
                }
            }
        }
        return null;
    }

    Bounds keyBounds() {
        return keyBounds;
    }

    Bounds valBounds() {
        return valBounds;
    }
}
