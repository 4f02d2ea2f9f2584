package io.espalier.pager;

import com.github.luben.zstd.Zstd;
import java.lang.foreign.MemorySegment;
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
        long encodeBlock(ByteBuffer source, ByteBuffer target) {
            int size = source.remaining();
            target.put(source);
            return size;
        }

        @Override
        long decodeBlock(ByteBuffer source, ByteBuffer target) {
            return encodeBlock(source, target);
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
        long encodeBlock(ByteBuffer source, ByteBuffer target) {
            return Lz4.COMPRESSOR.compress(
                    source, 0, source.remaining(), target, 0, target.remaining());
        }

        @Override
        long decodeBlock(ByteBuffer source, ByteBuffer target) {
            try {
                return Lz4.DECOMPRESSOR.decompress(
                        source, 0, source.remaining(), target, 0, target.remaining());
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
        long encodeBlock(ByteBuffer source, ByteBuffer target) {
            return ZstdBlocks.encode(source, target);
        }

        @Override
        long decodeBlock(ByteBuffer source, ByteBuffer target) {
            return ZstdBlocks.decode(source, target);
        }
    };

    /** The largest block that a codec takes: 1 GiB. */
    public static final long BLOCK_BYTES_MAX = 1L << 30;

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
            MemorySegment source,
            long sourceOffset,
            long rawBytes,
            MemorySegment target,
            long targetOffset,
            long targetBytes) {
        checkBlock(rawBytes);
        if (targetBytes < boundBytes(rawBytes)) {
            throw new IllegalArgumentException(
                    "room of " + targetBytes + " bytes; give " + boundBytes(rawBytes) + " or more");
        }
        return encodeBlock(
                source.asSlice(sourceOffset, rawBytes).asByteBuffer(),
                target.asSlice(targetOffset, targetBytes).asByteBuffer());
    }

    /**
     * Decodes one block of {@code encodedBytes} bytes into exactly {@code rawBytes} bytes.
     *
     * @throws IllegalArgumentException if the block is not one of this codec, or not of that size;
     *     the target holds anything then
     */
    public final void decode(
            MemorySegment source,
            long sourceOffset,
            long encodedBytes,
            MemorySegment target,
            long targetOffset,
            long rawBytes) {
        checkBlock(rawBytes);
        long size =
                this == NONE && encodedBytes != rawBytes
                        ? encodedBytes
                        : decodeBlock(
                                source.asSlice(sourceOffset, encodedBytes).asByteBuffer(),
                                target.asSlice(targetOffset, rawBytes).asByteBuffer());
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

    abstract long encodeBlock(ByteBuffer source, ByteBuffer target);

    abstract long decodeBlock(ByteBuffer source, ByteBuffer target);

    /** Loads the library when it is first needed. */
    private static final class Lz4 {
        static final LZ4Compressor COMPRESSOR = LZ4Factory.fastestInstance().fastCompressor();
        static final LZ4SafeDecompressor DECOMPRESSOR =
                LZ4Factory.fastestInstance().safeDecompressor();
    }
}
