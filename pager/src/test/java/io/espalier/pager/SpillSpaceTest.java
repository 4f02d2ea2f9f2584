package io.espalier.pager;

import static io.espalier.pager.Fixture.KIB;
import static io.espalier.pager.Fixture.MIB;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.espalier.memory.Layouts;
import io.espalier.memory.Lease;
import io.espalier.memory.NativeMemory;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.SplittableRandom;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.LongRange;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Places in spill files: disjoint, reused, given back. */
final class SpillSpaceTest {

    private static SpillSpace space(NativeMemory memory, Path folder, long freeBytesMax) {
        return new SpillSpace(
                memory,
                PagerOptions.in(folder).withSegmentBytes(MIB).withFreeBytesMax(freeBytesMax),
                ChannelSpillFile::open);
    }

    @Test
    void freedPlacesJoinAndAreUsedAgain(@TempDir Path folder) throws IOException {
        // fails if neighbours stay apart, so that a place of their joint size is not found
        try (NativeMemory memory = NativeMemory.open();
                SpillSpace space = space(memory, folder, MIB)) {
            Extent[] extents = new Extent[8];
            for (int i = 0; i < extents.length; i++) {
                extents[i] = space.allocate(128 * KIB);
            }
            assertEquals(1, space.usage().segments());
            assertEquals(0, space.usage().freeBytes());
            for (int i : new int[] {2, 4, 3}) {
                space.free(extents[i]);
            }
            assertEquals(1, space.usage().freeExtents());
            Extent joint = space.allocate(384 * KIB);
            assertEquals(extents[2].position(), joint.position());
            assertEquals(1, space.usage().segments());
            space.free(joint);
            for (int i : new int[] {0, 7, 6, 1, 5}) {
                space.free(extents[i]);
            }
            assertEquals(1, space.usage().freeExtents());
            assertEquals(MIB, space.usage().freeBytes());
        }
    }

    @Test
    void theSmallestPlaceThatFitsIsTaken(@TempDir Path folder) throws IOException {
        // fails if a large place is broken up for what a small one holds
        try (NativeMemory memory = NativeMemory.open();
                SpillSpace space = space(memory, folder, MIB)) {
            Extent large = space.allocate(300 * KIB);
            Extent wall = space.allocate(1);
            Extent small = space.allocate(20 * KIB);
            Extent rest = space.allocate(MIB - 324 * KIB);
            space.free(large);
            space.free(small);
            assertEquals(small.position(), space.allocate(18_000).position());
            assertEquals(large.position(), space.allocate(200_000).position());
            space.free(small);
            space.free(new Extent(large.segment(), large.position(), Extent.pagesUp(200_000)));
            space.free(wall);
            space.free(rest);
        }
    }

    @Test
    void oneFreeFileIsKeptAndTheOthersAreGone(@TempDir Path folder) throws IOException {
        // fails if files are held for ever, or made anew for each page; or keep their names
        try (NativeMemory memory = NativeMemory.open();
                SpillSpace space = space(memory, folder, MIB)) {
            List<Extent> extents = new ArrayList<>();
            for (int i = 0; i < 4; i++) {
                extents.add(space.allocate(MIB));
            }
            extents.add(space.allocate(5 * MIB));
            assertEquals(5, space.usage().segments());
            try (var names = Files.list(folder)) {
                assertEquals(List.of(), names.toList());
            }
            extents.forEach(space::free);
            assertEquals(1, space.usage().segments());
            assertEquals(MIB, space.usage().segmentBytes());
            assertEquals(memory.isNative() ? MIB : 0, memory.stats().mappedBytes());
        }
    }

    @Test
    void freeBlocksBeyondTheLimitGoBackToTheFileSystem(@TempDir Path folder) throws IOException {
        // fails if dead pages keep their blocks, or a punched place has other bytes than zeros
        try (NativeMemory memory = NativeMemory.open();
                SpillSpace space = space(memory, folder, 100 * KIB);
                Lease bytes = memory.allocate(512 * KIB)) {
            assumeTrue(memory.isNative());
            memory.segment().asSlice(bytes.offset(), 512 * KIB).fill((byte) 7);
            Extent low = space.allocate(64 * KIB);
            Extent high = space.allocate(512 * KIB);
            Extent end = space.allocate(64 * KIB);
            high.segment().write(memory.segment(), bytes.offset(), 512 * KIB, high.position());
            space.free(low);
            assertEquals(64 * KIB, space.usage().freeBackedBytes());
            assertEquals(0, space.usage().punchedBytes());
            space.free(high);
            assertEquals(576 * KIB, space.usage().punchedBytes());
            assertEquals(0, space.usage().freeBackedBytes());
            high.segment().read(high.position(), memory.segment(), bytes.offset(), 512 * KIB);
            for (long i = 0; i < 512 * KIB; i += 1024) {
                assertEquals(0, memory.segment().get(Layouts.BYTE, bytes.offset() + i));
            }
            space.free(end);
        }
    }

    @Property(tries = 60)
    void placesInUseNeverOverlapAndAllIsCounted(@ForAll @LongRange(min = 0) long seed)
            throws IOException {
        // fails if a page is given out twice, or bytes get lost between used and free
        Path folder = Files.createTempDirectory("espalier-space-test");
        try {
            allocateAndFree(folder, seed);
        } finally {
            Files.delete(folder);
        }
    }

    private static void allocateAndFree(Path folder, long seed) throws IOException {
        SplittableRandom random = new SplittableRandom(seed);
        try (NativeMemory memory = NativeMemory.open();
                SpillSpace space = space(memory, folder, random.nextLong(MIB))) {
            IdentityHashMap<SpillSegment, BitSet> taken = new IdentityHashMap<>();
            List<Extent> extents = new ArrayList<>();
            for (int step = 0; step < 400; step++) {
                if (extents.isEmpty() || random.nextInt(100) < 52) {
                    long size = 1 + random.nextLong(random.nextInt(8) == 0 ? 400_000 : 40_000);
                    Extent extent = space.allocate(size);
                    assertEquals(Extent.pagesUp(size), extent.sizeBytes());
                    BitSet pages = taken.computeIfAbsent(extent.segment(), segment -> new BitSet());
                    int from = (int) (extent.position() / Extent.PAGE_BYTES);
                    int to = from + (int) (extent.sizeBytes() / Extent.PAGE_BYTES);
                    assertTrue(pages.get(from, to).isEmpty());
                    assertTrue(
                            extent.position() + extent.sizeBytes() <= extent.segment().sizeBytes());
                    pages.set(from, to);
                    extents.add(extent);
                } else {
                    Extent extent = extents.remove(random.nextInt(extents.size()));
                    int from = (int) (extent.position() / Extent.PAGE_BYTES);
                    BitSet pages = taken.computeIfAbsent(extent.segment(), s -> new BitSet());
                    pages.clear(from, from + (int) (extent.sizeBytes() / Extent.PAGE_BYTES));
                    space.free(extent);
                }
                SpillSpace.Usage usage = space.usage();
                long used = extents.stream().mapToLong(Extent::sizeBytes).sum();
                assertEquals(used, usage.usedBytes());
                assertEquals(usage.segmentBytes(), usage.usedBytes() + usage.freeBytes());
                assertTrue(usage.freeBackedBytes() >= 0);
                assertTrue(usage.freeBackedBytes() <= usage.freeBytes());
            }
            extents.forEach(space::free);
            assertTrue(space.usage().segments() <= 1);
        }
    }
}
