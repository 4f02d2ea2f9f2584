package io.espalier.session.text;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.CharBuffer;
import java.nio.charset.CharsetDecoder;
import java.nio.charset.CoderResult;
import java.nio.charset.StandardCharsets;
import java.util.Random;
import java.util.function.IntPredicate;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;

/** Searches, checks and the writer agree with the plainest code for the same. */
class BytesOfTextTest {

    private static final String ALPHABET =
            "aaaaaaaaaaaabcz\t\n\\\"\u0000\u001f \u007f\u0080\u00ff\u00c3\u00a9";

    @Property(tries = 2000)
    void searchesFindTheFirst(@ForAll long seed) {
        // fails if a word is searched wrongly at some place, or the tail is
        Random random = new Random(seed);
        byte[] bytes = Rows.random(ALPHABET, 50, random);
        int from = random.nextInt(bytes.length + 1);
        int to = from + random.nextInt(bytes.length - from + 1);
        assertEquals(
                first(bytes, from, to, b -> b == '\n'), ByteSearch.indexOf(bytes, from, to, '\n'));
        assertEquals(
                first(bytes, from, to, b -> b == '\t' || b == '"'),
                ByteSearch.indexOfEither(bytes, from, to, '\t', '"'));
        assertEquals(
                first(bytes, from, to, b -> b == '\t' || b == 'z' || b == 0),
                ByteSearch.indexOfAny(bytes, from, to, '\t', 'z', '\0'));
        assertEquals(
                first(bytes, from, to, b -> b > 0x7F), ByteSearch.indexOfNonAscii(bytes, from, to));
        assertEquals(
                first(bytes, from, to, b -> b < ' ' || b == '"' || b == '\\'),
                ByteSearch.indexOfJsonSpecial(bytes, from, to));
    }

    private static int first(byte[] bytes, int from, int to, IntPredicate wanted) {
        for (int i = from; i < to; i++) {
            if (wanted.test(bytes[i] & 0xFF)) {
                return i;
            }
        }
        return to;
    }

    @Property(tries = 3000)
    void utf8IsWhatTheJdkDecodes(@ForAll long seed) {
        // fails if an overlong form, a surrogate or half a sequence passes, or the place is wrong
        Random random = new Random(seed);
        byte[] bytes = new byte[random.nextInt(24)];
        String likely =
                "aaaaaaaaa\u0080\u00bf\u00c1\u00c2\u00df\u00e0\u00a0\u00ed\u009f\u00ef\u00f0\u0090\u00f4\u008f\u00f5";
        for (int i = 0; i < bytes.length; i++) {
            bytes[i] = (byte) likely.charAt(random.nextInt(likely.length()));
        }
        ByteBuffer input = ByteBuffer.wrap(bytes);
        CharsetDecoder decoder = StandardCharsets.UTF_8.newDecoder();
        CoderResult result = decoder.decode(input, CharBuffer.allocate(bytes.length), true);
        int expected = result.isError() ? input.position() : bytes.length;
        assertEquals(expected, Utf8.firstInvalid(bytes, 0, bytes.length));
    }

    @Property(tries = 1000)
    void theWriterEscapesFromNativeMemory(@ForAll long seed, @ForAll long number)
            throws IOException {
        // fails if an escape is lost at the end of a buffer, or a number is misprinted
        Random random = new Random(seed);
        byte[] bytes = Rows.random(ALPHABET, 200, random);
        ByteArrayOutputStream output = new ByteArrayOutputStream();
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment segment = arena.allocate(bytes.length + 3);
            MemorySegment.copy(bytes, 0, segment, ValueLayout.JAVA_BYTE, 3, bytes.length);
            TsvWriter writer = new TsvWriter(output, 20 + random.nextInt(30));
            writer.escaped(segment, 3, bytes.length);
            writer.tab();
            writer.number(number);
            writer.newLine();
            writer.number(Long.MIN_VALUE);
            writer.raw(segment, 3, bytes.length);
            writer.flush();
        }
        String raw = Rows.latin1(bytes, 0, bytes.length);
        String escaped = raw.replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n");
        assertArrayEquals(
                Rows.latin1(escaped + "\t" + number + "\n" + Long.MIN_VALUE + raw),
                output.toByteArray());
    }
}
