package io.espalier.pager;

import com.github.luben.zstd.ZstdCompressCtx;
import com.github.luben.zstd.ZstdDecompressCtx;
import com.github.luben.zstd.ZstdException;
import java.nio.ByteBuffer;
import java.util.ArrayDeque;
import java.util.function.Supplier;

/**
 * Compresses and decompresses zstd frames with contexts that are kept for reuse: making one costs
 * more than a small block does. A few stay idle, a megabyte or so each; more are made while more
 * threads are at it.
 */
final class ZstdBlocks {

    private static final int LEVEL = 1;

    private static final Pool<ZstdCompressCtx> COMPRESSORS =
            new Pool<>(() -> new ZstdCompressCtx().setLevel(LEVEL));
    private static final Pool<ZstdDecompressCtx> DECOMPRESSORS = new Pool<>(ZstdDecompressCtx::new);

    private ZstdBlocks() {}

    static long encode(ByteBuffer source, int from, int size, ByteBuffer target, int to, int room) {
        ZstdCompressCtx context = COMPRESSORS.take();
        boolean good = false;
        try {
            long encoded = context.compressDirectByteBuffer(target, to, room, source, from, size);
            good = true;
            return encoded;
        } finally {
            COMPRESSORS.giveBack(context, good);
        }
    }

    static long decode(ByteBuffer source, int from, int size, ByteBuffer target, int to, int room) {
        ZstdDecompressCtx context = DECOMPRESSORS.take();
        boolean good = false;
        try {
            long decoded = context.decompressDirectByteBuffer(target, to, room, source, from, size);
            good = true;
            return decoded;
        } catch (ZstdException e) {
            throw new IllegalArgumentException("not a zstd frame: " + e.getMessage(), e);
        } finally {
            DECOMPRESSORS.giveBack(context, good);
        }
    }

    /** Idle contexts, a few at most. */
    private static final class Pool<T extends AutoCloseable> {

        private static final int IDLE_MAX = 4;

        private final Supplier<T> maker;

        /** A stack; a queue of the JDK makes an object for each entry. Guarded by its monitor. */
        private final ArrayDeque<T> idle = new ArrayDeque<>(IDLE_MAX);

        Pool(Supplier<T> maker) {
            this.maker = maker;
        }

        T take() {
            T context;
            synchronized (idle) {
                context = idle.pollLast();
            }
            return context == null ? maker.get() : context;
        }

        /** After an error a context may be in any state: it is not used again. */
        void giveBack(T context, boolean good) {
            if (good) {
                synchronized (idle) {
                    if (idle.size() < IDLE_MAX) {
                        idle.addLast(context);
                        return;
                    }
                }
            }
            try {
                context.close();
            } catch (Exception e) {
                throw new IllegalStateException("a zstd context cannot be closed", e);
            }
        }
    }
}
