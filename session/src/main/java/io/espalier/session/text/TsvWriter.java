package io.espalier.session.text;

import java.io.IOException;
import java.io.OutputStream;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * Writes fields with the escapes of {@link TextFormat#TSV}, straight from native memory, through
 * one buffer. What it writes of a row, {@link RowReader} reads back byte for byte. Not thread-safe;
 * {@link #flush()} at the end is the caller's duty.
 */
public final class TsvWriter {

    private static final int BUFFER_BYTES = 64 << 10;
    private static final int LONG_CHARS_MAX = 20;

    private final OutputStream output;
    private final byte[] buffer;
    private int size;

    /** Writes to a sink, which the caller flushes and closes. */
    public TsvWriter(OutputStream output) {
        this(output, BUFFER_BYTES);
    }

    TsvWriter(OutputStream output, int bufferBytes) {
        this.output = output;
        this.buffer = new byte[Math.max(bufferBytes, LONG_CHARS_MAX)];
    }

    /** Writes bytes, escaped. */
    public void escaped(MemorySegment segment, long offset, long count) throws IOException {
        long end = offset + count;
        while (offset < end) {
            int part = room(end - offset);
            MemorySegment.copy(segment, ValueLayout.JAVA_BYTE, offset, buffer, size, part);
            // what needs no escape is already in its place
            int special = ByteSearch.indexOfAny(buffer, size, size + part, '\t', '\n', '\\');
            int plain = special - size;
            size = special;
            offset += plain;
            if (plain < part) {
                char escape = Escapes.escapeOf(buffer[special]);
                write('\\');
                write(escape);
                offset++;
            }
        }
    }

    /** Writes bytes as they are. */
    public void raw(MemorySegment segment, long offset, long count) throws IOException {
        long end = offset + count;
        while (offset < end) {
            int part = room(end - offset);
            MemorySegment.copy(segment, ValueLayout.JAVA_BYTE, offset, buffer, size, part);
            size += part;
            offset += part;
        }
    }

    /** Writes a number in decimal. */
    public void number(long value) throws IOException {
        if (buffer.length - size < LONG_CHARS_MAX) {
            flushBuffer();
        }
        int end = size + LONG_CHARS_MAX;
        int at = end;
        long rest = value;
        do {
            // from the negative side, so that the smallest number works as well
            long digit = rest % 10;
            buffer[--at] = (byte) ('0' + Math.abs(digit));
            rest /= 10;
        } while (rest != 0);
        if (value < 0) {
            buffer[--at] = '-';
        }
        System.arraycopy(buffer, at, buffer, size, end - at);
        size += end - at;
    }

    /** Ends a field. */
    public void tab() throws IOException {
        write('\t');
    }

    /** Ends a row. */
    public void newLine() throws IOException {
        write('\n');
    }

    /** Hands everything over to the output and flushes that. */
    public void flush() throws IOException {
        flushBuffer();
        output.flush();
    }

    private void write(char c) throws IOException {
        if (size == buffer.length) {
            flushBuffer();
        }
        buffer[size++] = (byte) c;
    }

    private int room(long wanted) throws IOException {
        if (size == buffer.length) {
            flushBuffer();
        }
        return (int) Math.min(wanted, buffer.length - size);
    }

    private void flushBuffer() throws IOException {
        output.write(buffer, 0, size);
        size = 0;
    }
}
