package io.espalier.memory;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.ByteArrayOutputStream;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Random;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;

final class NativeBufferPropertyTest {

    /** Fails if any sequence of appends and cuts leaves other bytes than a heap stream has. */
    @Property(tries = 60)
    void theContentIsWhatWasAppended(@ForAll long seed) {
        Random random = new Random(seed);
        try (NativeMemory memory =
                        NativeMemory.open(NativeMemory.Options.defaults().withDebug(true));
                Lease other = memory.allocate(20_000);
                NativeBuffer buffer = new NativeBuffer(memory)) {
            byte[] source = new byte[20_000];
            random.nextBytes(source);
            MemorySegment segment = memory.segment();
            MemorySegment.copy(source, 0, segment, Layouts.BYTE, other.offset(), source.length);
            ByteArrayOutputStream model = new ByteArrayOutputStream();
            ByteBuffer word = ByteBuffer.allocate(8).order(ByteOrder.LITTLE_ENDIAN);
            for (int i = 0; i < 200; i++) {
                int from = random.nextInt(10_000);
                int count = random.nextInt(random.nextInt(10) == 0 ? 10_000 : 40);
                long value = random.nextLong();
                word.putLong(0, value);
                switch (random.nextInt(8)) {
                    case 0 -> {
                        buffer.appendLong(value);
                        model.write(word.array(), 0, 8);
                    }
                    case 1 -> {
                        buffer.appendInt((int) value);
                        model.write(word.array(), 0, 4);
                    }
                    case 2 -> {
                        buffer.appendByte((byte) value);
                        model.write((byte) value);
                    }
                    case 3 -> {
                        buffer.append(segment, other.offset() + from, count);
                        model.write(source, from, count);
                    }
                    case 4 -> {
                        buffer.append(source, from, count);
                        model.write(source, from, count);
                    }
                    case 5 -> {
                        long at = buffer.reserve(count + 10L);
                        MemorySegment.copy(source, from, segment, Layouts.BYTE, at, count);
                        buffer.advance(count);
                        model.write(source, from, count);
                    }
                    case 6 -> {
                        long size = buffer.sizeBytes() - Math.min(count, buffer.sizeBytes());
                        byte[] all = model.toByteArray();
                        buffer.truncate(size);
                        model.reset();
                        model.write(all, 0, (int) size);
                    }
                    default -> {
                        if (random.nextInt(10) == 0) {
                            buffer.clear(4096);
                            model.reset();
                            assertEquals(true, buffer.capacityBytes() <= 4096);
                        }
                    }
                }
                assertEquals(model.size(), buffer.sizeBytes());
            }
            assertArrayEquals(model.toByteArray(), content(buffer));
        }
    }

    private static byte[] content(NativeBuffer buffer) {
        byte[] bytes = new byte[(int) buffer.sizeBytes()];
        MemorySegment.copy(buffer.segment(), Layouts.BYTE, buffer.offset(), bytes, 0, bytes.length);
        return bytes;
    }
}
