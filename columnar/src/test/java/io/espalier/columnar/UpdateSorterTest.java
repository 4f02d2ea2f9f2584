package io.espalier.columnar;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.espalier.memory.NativeMemory;
import io.espalier.memory.Words;
import io.espalier.testing.NativeMemoryExtension;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/** The order of rows with keys of bytes that make prefixes useless, deep or confusing. */
@ExtendWith(NativeMemoryExtension.class)
class UpdateSorterTest {

    private static void assertSorted(NativeMemory memory, String what, List<byte[]> keys) {
        try (ColumnBuilder column = new ColumnBuilder(memory, ColumnType.BYTES, true);
                ColumnBuilder times = new ColumnBuilder(memory, ColumnType.LONG, false);
                UpdateSorter sorter = new UpdateSorter(memory)) {
            for (byte[] key : keys) {
                column.append(key, 0, key.length);
            }
            times.appendRepeated(7, keys.size());
            Column vals = new Column();
            vals.bind(
                    ColumnType.Kind.UNIT,
                    TrieLayout.ABSENT,
                    0,
                    memory.segment(),
                    0,
                    0,
                    keys.size());
            sorter.sort(column.column(), vals, times.column(), keys.size(), true);
            List<Integer> rows = new ArrayList<>();
            for (int i = 0; i < keys.size(); i++) {
                rows.add(i);
            }
            // stable
            rows.sort((a, b) -> Arrays.compareUnsigned(keys.get(a), keys.get(b)));
            for (int i = 0; i < keys.size(); i++) {
                long row = Words.getLong(memory.segment(), sorter.wordsAt(), i) & sorter.rowMask();
                assertEquals((long) rows.get(i), row, what + " at " + i);
                byte level = i == 0 ? UpdateSorter.NEW_KEY : sorter.levelAt(i);
                boolean equal =
                        i > 0 && Arrays.equals(keys.get(rows.get(i)), keys.get(rows.get(i - 1)));
                assertEquals(equal ? UpdateSorter.EQUAL : UpdateSorter.NEW_KEY, level, what);
            }
        }
    }

    private static void assertSortedAnyhow(NativeMemory memory, String what, List<byte[]> keys) {
        List<byte[]> all = new ArrayList<>(keys);
        Collections.shuffle(all, new Random(7));
        assertSorted(memory, what + ", shuffled", all);
        all.sort(Arrays::compareUnsigned);
        assertSorted(memory, what + ", sorted", all);
        Collections.reverse(all);
        assertSorted(memory, what + ", reversed", all);
        List<byte[]> pipe = new ArrayList<>();
        for (int i = 0; i < all.size(); i += 2) {
            pipe.add(all.get(i));
        }
        for (int i = all.size() - 1 - all.size() % 2; i > 0; i -= 2) {
            pipe.add(all.get(i));
        }
        assertSorted(memory, what + ", organ pipe", pipe);
    }

    @Test
    void keysThatDifferLateOrNotAtAllAreSorted(NativeMemory memory) {
        // fails when shared bytes are skipped too far, or a word is not looked at
        Random random = new Random(1);
        for (int shared : new int[] {0, 1, 7, 8, 9, 16, 63, 1000}) {
            byte[] stem = new byte[shared];
            random.nextBytes(stem);
            List<byte[]> keys = new ArrayList<>();
            for (int i = 0; i < 3000; i++) {
                byte[] key = Arrays.copyOf(stem, shared + 3);
                key[shared] = (byte) (i % 3);
                key[shared + 1] = (byte) random.nextInt();
                key[shared + 2] = (byte) (i % 2);
                keys.add(key);
            }
            assertSortedAnyhow(memory, "differ after " + shared, keys);
            assertSortedAnyhow(memory, "equal", Collections.nCopies(500, stem));
        }
    }

    @Test
    void prefixesOfEachOtherAreSortedBySize(NativeMemory memory) {
        // fails when the padding of a short key is taken for bytes
        for (int fill : new int[] {0, 1, 255}) {
            List<byte[]> keys = new ArrayList<>();
            for (int size = 0; size < 600; size++) {
                byte[] key = new byte[size];
                Arrays.fill(key, (byte) fill);
                keys.add(key);
                keys.add(key);
                byte[] longer = Arrays.copyOf(key, size + 1);
                keys.add(longer);
            }
            assertSortedAnyhow(memory, "filled with " + fill, keys);
        }
    }

    @Test
    void everyWordMaySplitOffOneKey(NativeMemory memory) {
        // fails when groups are refined by recursion and the stack is too small
        List<byte[]> keys = new ArrayList<>();
        for (int i = 0; i < 1200; i++) {
            byte[] key = new byte[1200 * 8];
            key[i * 8] = 1;
            keys.add(key);
        }
        assertSortedAnyhow(memory, "staircase", keys);
    }

    @Test
    void veryLongKeysAreSorted(NativeMemory memory) {
        // fails when sizes or offsets are cut to fewer bits, or long equal starts cost a round each
        Random random = new Random(1);
        byte[] stem = new byte[1 << 20];
        random.nextBytes(stem);
        List<byte[]> keys = new ArrayList<>();
        for (int i = 0; i < 40; i++) {
            byte[] key = Arrays.copyOf(stem, stem.length - random.nextInt(3));
            key[key.length - 1 - random.nextInt(20)] ^= (byte) random.nextInt(3);
            keys.add(key);
        }
        assertSortedAnyhow(memory, "a megabyte", keys);
    }

    @Test
    void pathsAreSorted(NativeMemory memory) {
        // fails when groups of many sizes and depths are mixed up
        Random random = new Random(3);
        List<byte[]> keys = new ArrayList<>();
        for (int i = 0; i < 40_000; i++) {
            StringBuilder path = new StringBuilder("java.base/");
            int parts = random.nextInt(7);
            for (int part = 0; part < parts; part++) {
                path.append("package".repeat(1 + random.nextInt(2)))
                        .append(random.nextInt(3))
                        .append('/');
            }
            path.append("Class").append(random.nextInt(5000));
            keys.add(path.toString().getBytes(StandardCharsets.US_ASCII));
        }
        assertSortedAnyhow(memory, "paths", keys);
    }
}
