package io.espalier.session.text;

import java.io.IOException;
import java.io.InputStream;
import java.util.Arrays;

/**
 * Cuts a stream of bytes into lines, each a span of one buffer that lasts until the next one. A
 * record that goes on in the next line is had by {@link #extend()}.
 *
 * <p>The buffer grows to the longest line, up to a limit; of a longer line only the start is kept,
 * and it says {@link #isOverlong()}.
 */
final class LineReader {

    /** Up to here the buffer grows by and by; beyond, at once to its maximum, to copy only once. */
    private static final int BUFFER_BYTES_STEPWISE = 4 << 20;

    private static final int BUFFER_GROWTH = 4;
    private static final int SLACK_BYTES = 64 << 10;

    private final InputStream input;
    private final int lineBytesMax;

    private byte[] array;
    private int limit; // bytes [0, limit) of the array are filled
    private boolean inputEnded;
    private long inputBytes;

    private int start;
    private int end;
    private int nextStart;
    private int firstLineEnd;
    private boolean overlong;
    private long number;
    private long linesInRecord = 1;

    LineReader(InputStream input, int bufferBytes, int lineBytesMax) {
        this.input = input;
        this.lineBytesMax = lineBytesMax;
        this.array = new byte[Math.max(bufferBytes, 1)];
    }

    /** Moves to the next line; false if there is none. */
    boolean next() throws IOException {
        start = nextStart;
        overlong = false;
        if (!findLineEnd(start)) {
            return false;
        }
        number += linesInRecord;
        linesInRecord = 1;
        firstLineEnd = end;
        return true;
    }

    /**
     * Adds the line feed and the next line to the current one; false if there is no next line. The
     * bytes may move within {@link #array()}: take {@link #start()} anew.
     */
    boolean extend() throws IOException {
        int size = end - start;
        int firstLineSize = firstLineEnd - start;
        if (overlong || nextStart == end) {
            return false;
        }
        boolean found = findLineEnd(nextStart);
        firstLineEnd = start + firstLineSize;
        if (!found) {
            end = start + size;
            return false;
        }
        linesInRecord++;
        return true;
    }

    /** Takes what {@link #extend()} added back: it will be read as lines of their own. */
    void keepFirstLine() {
        if (!overlong && linesInRecord > 1) {
            end = firstLineEnd;
            nextStart = firstLineEnd + 1;
            linesInRecord = 1;
        }
    }

    /**
     * Sets end and nextStart by the first line feed at or after {@code from}; may move the bytes.
     */
    private boolean findLineEnd(int from) throws IOException {
        int at = from;
        while (true) {
            at = ByteSearch.indexOf(array, at, limit, '\n');
            if (at < limit) {
                endLine(at, at + 1);
                return true;
            }
            if (inputEnded) {
                endLine(limit, limit);
                return from < limit;
            }
            if (limit - start > lineBytesMax) {
                skipOverlong();
                return true;
            }
            int moved = makeRoom();
            at -= moved;
            from -= moved;
            read();
        }
    }

    private void endLine(int at, int next) {
        overlong = at - start > lineBytesMax;
        end = overlong ? start + lineBytesMax : at;
        nextStart = next;
    }

    /** Frees room behind the bytes in use; returns by how much they moved to the front. */
    private int makeRoom() {
        int moved = start;
        if (start > 0) {
            System.arraycopy(array, start, array, 0, limit - start);
            limit -= start;
            start = 0;
        }
        if (limit == array.length) {
            int capacityMax = lineBytesMax + SLACK_BYTES;
            int capacity =
                    limit >= BUFFER_BYTES_STEPWISE
                            ? capacityMax
                            : Math.min(capacityMax, limit * BUFFER_GROWTH);
            array = Arrays.copyOf(array, Math.max(capacity, limit + 1));
        }
        return moved;
    }

    private void read() throws IOException {
        int count = input.read(array, limit, array.length - limit);
        if (count < 0) {
            inputEnded = true;
        } else {
            limit += count;
            inputBytes += count;
        }
    }

    /** Keeps the start of the line and drops everything up to its end. */
    private void skipOverlong() throws IOException {
        overlong = true;
        end = start + lineBytesMax;
        int keep = end;
        while (true) {
            int at = ByteSearch.indexOf(array, keep, limit, '\n');
            if (at < limit) {
                nextStart = at + 1;
                return;
            }
            limit = keep;
            if (inputEnded) {
                nextStart = limit;
                return;
            }
            read();
        }
    }

    /** The buffer. */
    byte[] array() {
        return array;
    }

    /** Where the line starts in {@link #array()}. */
    int start() {
        return start;
    }

    /** Where it ends, without its line feed. */
    int end() {
        return end;
    }

    /** Whether the line is longer than the limit, so that its end is missing. */
    boolean isOverlong() {
        return overlong;
    }

    /** The number of the (first) line, from 1. */
    long number() {
        return number;
    }

    /** The number of the last line of the record; the same, unless it was extended. */
    long lastNumber() {
        return number + linesInRecord - 1;
    }

    /** How many bytes of the input lie before the next line. */
    long consumedBytes() {
        return inputBytes - (limit - nextStart);
    }
}
