package io.espalier.jmh;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Comparator;
import org.jspecify.annotations.Nullable;
import org.lmdbjava.Cursor;
import org.lmdbjava.Dbi;
import org.lmdbjava.DbiFlags;
import org.lmdbjava.Env;
import org.lmdbjava.EnvFlags;
import org.lmdbjava.GetOp;
import org.lmdbjava.PutFlags;
import org.lmdbjava.Txn;

/**
 * LMDB as its documentation has it for durable batches: one transaction a commit, puts in the order
 * of their keys by one cursor, synced; reads by cursors; checks of the binding switched off.
 */
final class LmdbTracePeer implements TracePeer {

    private static final long MAP_BYTES = 64L << 30;

    private final Path folder = Folders.make("trace-lmdb");
    private @Nullable Env<ByteBuffer> env;
    private @Nullable Dbi<ByteBuffer> db;

    LmdbTracePeer() throws IOException {
        // its guide: once a program is tested
        System.setProperty(Env.DISABLE_CHECKS_PROP, "true");
        open();
    }

    private Env<ByteBuffer> env() {
        Env<ByteBuffer> open = env;
        if (open == null) {
            throw new IllegalStateException("shut");
        }
        return open;
    }

    private Dbi<ByteBuffer> db() {
        Dbi<ByteBuffer> open = db;
        if (open == null) {
            throw new IllegalStateException("shut");
        }
        return open;
    }

    @Override
    public String name() {
        return "lmdb";
    }

    @Override
    public String howCommitted() {
        return "one transaction of sorted puts, synced";
    }

    @Override
    public String howProbed() {
        return "MDB_SET_KEY";
    }

    @Override
    public Path folder() {
        return folder;
    }

    @Override
    public void open() throws IOException {
        Files.createDirectories(folder);
        Env<ByteBuffer> made =
                Env.create()
                        .setMapSize(MAP_BYTES)
                        .setMaxDbs(1)
                        .open(folder.toFile(), EnvFlags.MDB_NOTLS);
        env = made;
        db = made.openDbi("data", DbiFlags.MDB_CREATE);
    }

    @Override
    public void commit(TraceData batch) {
        ByteBuffer keys = batch.keyBuffer();
        ByteBuffer vals = batch.valBuffer();
        try (Txn<ByteBuffer> txn = env().txnWrite()) {
            try (Cursor<ByteBuffer> at = db().openCursor(txn)) {
                for (int i : order(batch.rows(), keys)) {
                    keys.limit((i + 1) * TraceData.KEY_BYTES).position(i * TraceData.KEY_BYTES);
                    vals.limit((i + 1) * TraceData.VAL_BYTES).position(i * TraceData.VAL_BYTES);
                    at.put(keys, vals, new PutFlags[0]);
                }
            }
            txn.commit();
        }
    }

    /** The rows by their keys; of equal ones the later is put later. */
    private static int[] order(int rows, ByteBuffer keys) {
        Integer[] order = new Integer[rows];
        Arrays.setAll(order, i -> i);
        // what tells keys apart are their last 8 digits, up to 10 to the power of 8 keys
        Arrays.sort(
                order,
                Comparator.comparingLong(i -> keys.getLong(i * TraceData.KEY_BYTES + Long.BYTES)));
        return Arrays.stream(order).mapToInt(i -> i).toArray();
    }

    @Override
    public void settle() {}

    /** It has none in place. */
    @Override
    public boolean compact() {
        return false;
    }

    @Override
    public void shut() {
        if (env != null) {
            env.close();
            env = null;
            db = null;
        }
    }

    @Override
    public long probe(MemorySegment probes) {
        ByteBuffer keys = probes.asByteBuffer();
        long digest = 0;
        try (Txn<ByteBuffer> txn = env().txnRead();
                Cursor<ByteBuffer> at = db().openCursor(txn)) {
            for (int from = 0; from < keys.capacity(); from += TraceData.KEY_BYTES) {
                keys.limit(from + TraceData.KEY_BYTES).position(from);
                if (at.get(keys, GetOp.MDB_SET_KEY)) {
                    digest += word(at.val());
                }
            }
        }
        return digest;
    }

    @Override
    public long scan() {
        long digest = 0;
        try (Txn<ByteBuffer> txn = env().txnRead();
                Cursor<ByteBuffer> at = db().openCursor(txn)) {
            for (boolean found = at.first(); found; found = at.next()) {
                digest += word(at.val());
            }
        }
        return digest;
    }

    private static long word(ByteBuffer val) {
        long word = val.getLong(0);
        return val.order() == ByteOrder.nativeOrder() ? word : Long.reverseBytes(word);
    }

    @Override
    public void close() throws IOException {
        shut();
        Folders.delete(folder);
    }
}
