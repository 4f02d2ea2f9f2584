package io.espalier.columnar;

import com.code_intelligence.jazzer.api.FuzzedDataProvider;
import com.code_intelligence.jazzer.junit.FuzzTest;
import io.espalier.columnar.Tries.Diff;
import io.espalier.columnar.Tries.Row;
import io.espalier.memory.Layouts;
import java.lang.foreign.MemorySegment;
import java.util.Random;
import java.util.SortedMap;

/**
 * The reader of chunk images, fed by a fuzzer that sees which branches it takes. Each input is
 * refused with a reason or accepted, and then used in every way; see {@link ImageProbe}.
 */
class ImageFuzzTest {

    private static final ImageProbe PROBE = new ImageProbe();

    @FuzzTest(maxDuration = "2m")
    void anyBytesAreRefusedOrAnImage(byte[] data) {
        // fails when the JVM does, when an exception says nothing, or what was accepted is none
        byte[] bytes = data.clone();
        if (bytes.length >= TrieLayout.HEADER_BYTES) {
            repair(bytes);
        }
        PROBE.probe(bytes);
    }

    @FuzzTest(maxDuration = "2m")
    void aValidImageWithSomeWordsChanged(FuzzedDataProvider data) {
        // fails as the one before
        Random random = new Random(data.consumeInt());
        TrieType type = Tries.TYPES.get(data.consumeInt(0, Tries.TYPES.size() - 1));
        SortedMap<Row, Diff> rows =
                Tries.random(type, random, data.consumeInt(1, 6), data.consumeInt(1, 30));
        if (rows.isEmpty()) {
            return;
        }
        byte[] image = new ImageWriter(random).write(type, rows);
        MemorySegment words = MemorySegment.ofArray(image);
        while (data.remainingBytes() > 0) {
            int at = data.consumeInt(4, image.length / 4 - 1) * 4;
            if (data.consumeBoolean()) {
                words.set(Layouts.INT, at, data.consumeInt());
            } else {
                words.set(Layouts.INT, at, words.get(Layouts.INT, at) + data.consumeByte());
            }
        }
        repair(image);
        PROBE.probe(image);
    }

    /** Magic, version, size and checksum: what is behind them is what is tested. */
    private static void repair(byte[] image) {
        MemorySegment words = MemorySegment.ofArray(image);
        words.set(Layouts.LONG, TrieLayout.MAGIC_AT, TrieLayout.MAGIC);
        words.set(Layouts.INT, TrieLayout.VERSION_AT, TrieLayout.VERSION);
        words.set(Layouts.LONG, TrieLayout.SIZE_AT, image.length);
        ImageWriter.stamp(image);
    }
}
