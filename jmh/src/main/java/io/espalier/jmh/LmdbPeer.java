package io.espalier.jmh;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
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
 * LMDB as its documentation has it for bulk: a writable map without syncs, sorted appends in one
 * transaction, cursors for reads, native integer keys for longs, checks of the binding switched
 * off.
 */
final class LmdbPeer implements Peer {

    private static final long MAP_BYTES_MIN = 64L << 20;
    private static final long MAP_FACTOR = 6;
    private static final EnvFlags[] ENV_FLAGS = {
        EnvFlags.MDB_WRITEMAP, EnvFlags.MDB_NOSYNC, EnvFlags.MDB_NOMETASYNC, EnvFlags.MDB_NOTLS
    };
    private static final PutFlags[] APPEND = {PutFlags.MDB_APPEND};
    private static final PutFlags[] PUT = {};

    private final PeerData data;
    private final Path folder;
    private final HitBuffer hits;
    private final ByteBuffer keys;
    private final ByteBuffer vals;
    private @Nullable Env<ByteBuffer> env;
    private @Nullable Dbi<ByteBuffer> db;

    LmdbPeer(PeerData data) throws IOException {
        // its guide: once a program is tested
        System.setProperty(Env.DISABLE_CHECKS_PROP, "true");
        this.data = data;
        folder = Folders.make("lmdb");
        hits = new HitBuffer(data);
        keys = data.keys().duplicate();
        vals = data.vals().duplicate();
        reset();
    }

    private Env<ByteBuffer> env() {
        Env<ByteBuffer> open = env;
        if (open == null) {
            throw new IllegalStateException("closed");
        }
        return open;
    }

    private Dbi<ByteBuffer> db() {
        Dbi<ByteBuffer> open = db;
        if (open == null) {
            throw new IllegalStateException("closed");
        }
        return open;
    }

    @Override
    public String name() {
        return "lmdb";
    }

    @Override
    public String howLoaded() {
        return "MDB_APPEND";
    }

    @Override
    public String howMerged() {
        return "sorted puts of one half";
    }

    @Override
    public void reset() throws IOException {
        if (env != null) {
            env.close();
            env = null;
        }
        Folders.delete(folder);
        Files.createDirectory(folder);
        long dataBytes = (long) data.count() * (data.shape().keyBytes() + data.shape().valBytes());
        Env<ByteBuffer> made =
                Env.create()
                        .setMapSize(MAP_BYTES_MIN + MAP_FACTOR * dataBytes)
                        .setMaxDbs(1)
                        .open(folder.toFile(), ENV_FLAGS);
        env = made;
        db =
                data.shape().hasLongKeys()
                        ? made.openDbi("data", DbiFlags.MDB_CREATE, DbiFlags.MDB_INTEGERKEY)
                        : made.openDbi("data", DbiFlags.MDB_CREATE);
    }

    @Override
    public void load() {
        put(PeerData.ALL, APPEND);
    }

    private void put(int part, PutFlags[] flags) {
        try (Txn<ByteBuffer> txn = env().txnWrite()) {
            try (Cursor<ByteBuffer> at = db().openCursor(txn)) {
                for (int i : data.part(part)) {
                    data.atKey(keys, i);
                    data.atVal(vals, i);
                    at.put(keys, vals, flags);
                }
            }
            txn.commit();
        }
    }

    @Override
    public long sizeBytes() {
        return (env().info().lastPageNumber + 1) * env().stat().pageSize;
    }

    @Override
    public List<Way> ways(int step) {
        return List.of(
                new Way("MDB_SET_KEY", () -> get(step, false)),
                new Way("MDB_NEXT, else MDB_SET_KEY", () -> get(step, true)));
    }

    private long get(int step, boolean nextFirst) {
        hits.clear();
        try (Txn<ByteBuffer> txn = env().txnRead();
                Cursor<ByteBuffer> at = db().openCursor(txn)) {
            boolean moved = false;
            for (int i = 0; i < data.count(); i += step) {
                data.atKey(keys, i);
                if (nextFirst && moved && at.next() && at.key().equals(keys)) {
                    hits.add(i, at.val());
                } else if (at.get(keys, GetOp.MDB_SET_KEY)) {
                    hits.add(i, at.val());
                }
                moved = true;
            }
        }
        return hits.count();
    }

    @Override
    public void eachHit(HitVisitor visitor) {
        hits.eachHit(visitor);
    }

    @Override
    public long scan() {
        int tail = data.tailByte();
        long digest = 0;
        try (Txn<ByteBuffer> txn = env().txnRead();
                Cursor<ByteBuffer> at = db().openCursor(txn)) {
            // cursors hand out one buffer again and again
            for (boolean found = at.first(); found; found = at.next()) {
                digest += word(at.val()) + at.key().get(tail);
            }
        }
        return digest;
    }

    private static long word(ByteBuffer val) {
        long word = val.getLong(0);
        return val.order() == ByteOrder.LITTLE_ENDIAN ? word : Long.reverseBytes(word);
    }

    @Override
    public void readyMerge() throws IOException {
        reset();
        put(0, APPEND);
    }

    @Override
    public void merge() {
        put(1, PUT);
    }

    @Override
    public long scanMerged() {
        return scan();
    }

    @Override
    public void close() throws IOException {
        if (env != null) {
            env.close();
            env = null;
        }
        Folders.delete(folder);
    }
}
