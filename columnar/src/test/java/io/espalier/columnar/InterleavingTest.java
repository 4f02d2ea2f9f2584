package io.espalier.columnar;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.espalier.memory.Layouts;
import io.espalier.memory.Lease;
import io.espalier.memory.NativeMemory;
import io.espalier.memory.Words;
import io.espalier.testing.NativeMemoryExtension;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.TreeSet;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/** The kernels that merge without branches: every way in which two short ranges interleave. */
@ExtendWith(NativeMemoryExtension.class)
class InterleavingTest {

    private static final int VALUES = 6;

    @Test
    void rangesInterleaveInOrderOrAreSaidToShareAValue(NativeMemory memory) {
        // fails when an equal pair is missed because the two ends take one of it each
        MemorySegment segment = memory.segment();
        try (Lease lease = memory.allocate(64 * 8)) {
            long a = lease.offset();
            long b = a + 8 * 8;
            long target = b + 8 * 8;
            long choices = target + 16 * 8;
            // each value is in neither, in the first, in the second, or in both
            for (int code = 0; code < 1 << (2 * VALUES); code++) {
                List<Long> first = new ArrayList<>();
                List<Long> second = new ArrayList<>();
                for (int i = 0; i < VALUES; i++) {
                    if ((code >> (2 * i) & 1) != 0) {
                        first.add(i * 1000L - 3000);
                    }
                    if ((code >> (2 * i) & 2) != 0) {
                        second.add(i * 1000L - 3000);
                    }
                }
                write(segment, a, first);
                write(segment, b, second);
                TreeSet<Long> all = new TreeSet<>(first);
                all.addAll(second);
                boolean distinct = all.size() == first.size() + second.size();
                for (boolean wide : new boolean[] {false, true}) {
                    boolean found =
                            wide
                                    ? Interleaving.wide(
                                            segment,
                                            a,
                                            first.size(),
                                            segment,
                                            b,
                                            second.size(),
                                            segment,
                                            target,
                                            choices,
                                            8,
                                            false)
                                    : Interleaving.longs(
                                            segment,
                                            a,
                                            first.size(),
                                            segment,
                                            b,
                                            second.size(),
                                            segment,
                                            target,
                                            choices);
                    assertEquals(distinct, found, first + " and " + second + ", wide: " + wide);
                    int at = 0;
                    for (long value : distinct ? all : new TreeSet<Long>()) {
                        assertEquals(value, Words.getLong(segment, target, at));
                        byte choice = segment.get(Layouts.BYTE, choices + at);
                        assertEquals(first.contains(value) ? 1 : 0, choice);
                        at++;
                    }
                }
            }
        }
    }

    private static void write(MemorySegment segment, long at, List<Long> values) {
        for (int i = 0; i < values.size(); i++) {
            Words.setLong(segment, at, i, values.get(i));
        }
    }
}
