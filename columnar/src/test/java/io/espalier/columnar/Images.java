package io.espalier.columnar;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.espalier.memory.Checksums;
import io.espalier.memory.Layouts;
import io.espalier.memory.Lease;
import io.espalier.memory.NativeMemory;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;

/** Images of either layout as bytes. */
final class Images {

    private Images() {}

    /** Checks a chunk as an image; its own bytes, which may be a page, stay as they are. */
    static void check(Chunk chunk) {
        byte[] image = bytes(chunk);
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment copy = arena.allocateFrom(ValueLayout.JAVA_BYTE, image);
            if (chunk.kind() == ChunkKind.TRIE) {
                TrieView.check(copy, 0, image.length);
            } else {
                FlatView.check(copy, 0, image.length);
            }
        }
    }

    /** The stamped image of a chunk. */
    static byte[] bytes(Chunk chunk) {
        if (chunk.kind() == ChunkKind.TRIE) {
            TrieView view = new TrieView();
            try (ChunkPin pin = chunk.open(view)) {
                return stamped(
                        bytes(view.segment(), view.offset(), view.sizeBytes()),
                        TrieLayout.VERSION_AT,
                        TrieLayout.CHECKSUM_AT);
            }
        }
        FlatView view = new FlatView();
        try (ChunkPin pin = chunk.open(view)) {
            return stamped(
                    bytes(view.segment(), view.offset(), view.sizeBytes()),
                    FlatLayout.VERSION_AT,
                    FlatLayout.CHECKSUM_AT);
        }
    }

    private static byte[] bytes(MemorySegment segment, long offset, long size) {
        return segment.asSlice(offset, size).toArray(ValueLayout.JAVA_BYTE);
    }

    /** Checks bytes as an image of a layout. */
    static void check(NativeMemory memory, ChunkKind kind, byte[] image) {
        try (Lease lease = memory.allocate(image.length)) {
            // the segment ends with the image: a read behind it is another exception
            MemorySegment segment = memory.segment().asSlice(lease.offset(), image.length);
            segment.copyFrom(MemorySegment.ofArray(image));
            if (kind == ChunkKind.TRIE) {
                TrieView.check(segment, 0, image.length);
            } else {
                FlatView.check(segment, 0, image.length);
            }
        }
    }

    /** Reads every value of a flat image that was checked. */
    static void readFlat(NativeMemory memory, byte[] image) {
        try (Lease lease = memory.allocate(image.length)) {
            MemorySegment segment = memory.segment().asSlice(lease.offset(), image.length);
            segment.copyFrom(MemorySegment.ofArray(image));
            FlatView view = new FlatView().bind(segment, 0);
            long rows = 0;
            for (long row = 0; row < view.rowCount(); row++) {
                for (Column column :
                        List.of(
                                view.keys(),
                                view.vals(),
                                view.times(),
                                view.diffs(),
                                view.payloads())) {
                    // out of bounds is an exception
                    segment.asSlice(column.offsetOf(row), column.sizeOf(row))
                            .toArray(ValueLayout.JAVA_BYTE);
                    assertEquals(0, Column.compare(column, row, column, row));
                }
                rows++;
            }
            assertTrue(rows <= image.length, "a walk takes time in proportion to the size");
            String disorder = view.firstDisorder();
            assertTrue(disorder == null || !disorder.isEmpty());
        }
    }

    /** The bytes with the checksum that they should have. */
    static byte[] stamped(byte[] image, int from, int checksumAt) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment copy = arena.allocateFrom(ValueLayout.JAVA_BYTE, image);
            int sum = Checksums.crc32c(copy, from, image.length - from);
            copy.set(Layouts.INT, checksumAt, sum);
            return copy.toArray(ValueLayout.JAVA_BYTE);
        }
    }

    static void assertRefused(NativeMemory memory, ChunkKind kind, byte[] image) {
        ImageException e = assertThrows(ImageException.class, () -> check(memory, kind, image));
        assertFalse(e.getMessage().isEmpty());
    }
}
