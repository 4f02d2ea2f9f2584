package io.espalier.pager;

import com.github.luben.zstd.Zstd;
import io.espalier.memory.NativeMemory;
import java.nio.ByteBuffer;
import net.jpountz.lz4.LZ4Compressor;
import net.jpountz.lz4.LZ4Exception;
import net.jpountz.lz4.LZ4Factory;
import net.jpountz.lz4.LZ4SafeDecompressor;

/**
 * How bytes are stored: as they are, or compressed as one block. Source and target are native or
 * mapped bytes; nothing passes through the heap.
 *
 * <p>The compressors are native libraries that do not see whether memory is still held: the caller
 * keeps the leases or pins of both ranges open during a call. Thread-safe.
 */
public enum Codec {
    /** The bytes as they are: read in place, without a copy. */
    NONE(0) {
        @Override
        long boundBytes(long rawBytes) {
            return rawBytes;
        }

        @Override
        long encodeBlock(
                ByteBuffer source, int from, int size, ByteBuffer target, int to, int room) {
            target.put(to, source, from, size);
            return size;
        }

        @Override
        long decodeBlock(
                ByteBuffer source, int from, int size, ByteBuffer target, int to, int room) {
            return encodeBlock(source, from, size, target, to, room);
        }
    },

    /** One LZ4 block: cheap to write, cheaper to read. */
    LZ4(1) {
        @Override
        long boundBytes(long rawBytes) {
            // the bound of the block format: a byte more for each 255, and a little
            return rawBytes + rawBytes / 255 + 16;
        }

        @Override
        long encodeBlock(
                ByteBuffer source, int from, int size, ByteBuffer target, int to, int room) {
            return Lz4.COMPRESSOR.compress(source, from, size, target, to, room);
        }

        @Override
        long decodeBlock(
                ByteBuffer source, int from, int size, ByteBuffer target, int to, int room) {
            try {
                return Lz4.DECOMPRESSOR.decompress(source, from, size, target, to, room);
            } catch (LZ4Exception e) {
                throw new IllegalArgumentException("not an lz4 block: " + e.getMessage(), e);
            }
        }
    },

    /** One zstd frame of the fastest level: a better ratio for about twice the time. */
    ZSTD(2) {
        @Override
        long boundBytes(long rawBytes) {
            return Zstd.compressBound(rawBytes);
        }

        @Override
        long encodeBlock(
                ByteBuffer source, int from, int size, ByteBuffer target, int to, int room) {
            return ZstdBlocks.encode(source, from, size, target, to, room);
        }

        @Override
        long decodeBlock(
                ByteBuffer source, int from, int size, ByteBuffer target, int to, int room) {
            return ZstdBlocks.decode(source, from, size, target, to, room);
        }
    };

    /** The largest block that a codec takes: so that even the worst that it becomes fits 1 GiB. */
    public static final long BLOCK_BYTES_MAX = (1L << 30) - (1L << 23);

    private final byte id;

    Codec(int id) {
        this.id = (byte) id;
    }

    /** The number that stands for this codec in files; never changes. */
    public byte id() {
        return id;
    }

    /**
     * The codec of a number.
     *
     * @throws IllegalArgumentException if there is none
     */
    public static Codec ofId(byte id) {
        return switch (id) {
            case 0 -> NONE;
            case 1 -> LZ4;
            case 2 -> ZSTD;
            default ->
                    throw new IllegalArgumentException(
                            "codec " + id + " is unknown; expected 0 (none), 1 (lz4), 2 (zstd)");
        };
    }

    /** The size of the target that {@link #encode} needs for any {@code rawBytes} bytes. */
    public final long encodedBytesMax(long rawBytes) {
        checkBlock(rawBytes);
        return boundBytes(rawBytes);
    }

    /**
     * Encodes {@code rawBytes} bytes of the source as one block.
     *
     * @param targetBytes the room in the target, at least {@link #encodedBytesMax}
     * @return the size of the block in bytes; it may exceed {@code rawBytes}
     */
    public final long encode(
            NativeMemory memory,
            long sourceOffset,
            long rawBytes,
            long targetOffset,
            long targetBytes) {
        checkBlock(rawBytes);
        if (targetBytes < boundBytes(rawBytes)) {
            throw new IllegalArgumentException(
                    "room of " + targetBytes + " bytes; give " + boundBytes(rawBytes) + " or more");
        }
        return encodeBlock(
                memory.window(sourceOffset),
                NativeMemory.inWindow(sourceOffset),
                (int) rawBytes,
                memory.window(targetOffset),
                NativeMemory.inWindow(targetOffset),
                (int) Math.min(targetBytes, NativeMemory.WINDOW_BYTES));
    }

    /**
     * Decodes one block of {@code encodedBytes} bytes into exactly {@code rawBytes} bytes.
     *
     * @throws IllegalArgumentException if the block is not one of this codec, or not of that size;
     *     the target holds anything then
     */
    public final void decode(
            NativeMemory memory,
            long sourceOffset,
            long encodedBytes,
            NativeMemory targetMemory,
            long targetOffset,
            long rawBytes) {
        checkBlock(rawBytes);
        if (encodedBytes < 0 || encodedBytes > NativeMemory.WINDOW_BYTES) {
            throw new IllegalArgumentException(
                    "block of " + encodedBytes + " bytes that decodes to " + rawBytes);
        }
        long size =
                this == NONE && encodedBytes != rawBytes
                        ? encodedBytes
                        : decodeBlock(
                                memory.window(sourceOffset),
                                NativeMemory.inWindow(sourceOffset),
                                (int) encodedBytes,
                                targetMemory.window(targetOffset),
                                NativeMemory.inWindow(targetOffset),
                                (int) rawBytes);
        if (size != rawBytes) {
            throw new IllegalArgumentException(
                    "block of codec " + this + " holds " + size + " bytes, expected " + rawBytes);
        }
    }

    private static void checkBlock(long rawBytes) {
        if (rawBytes < 0 || rawBytes > BLOCK_BYTES_MAX) {
            throw new IllegalArgumentException(
                    "block of " + rawBytes + " bytes; give 0 to " + BLOCK_BYTES_MAX);
        }
    }

    abstract long boundBytes(long rawBytes);

    abstract long encodeBlock(
            ByteBuffer source, int from, int size, ByteBuffer target, int to, int room);

    abstract long decodeBlock(
            ByteBuffer source, int from, int size, ByteBuffer target, int to, int room);

    /** Loads the library when it is first needed. */
    private static final class Lz4 {
        static final LZ4Compressor COMPRESSOR = LZ4Factory.fastestInstance().fastCompressor();
        static final LZ4SafeDecompressor DECOMPRESSOR =
                LZ4Factory.fastestInstance().safeDecompressor();
    }
}
