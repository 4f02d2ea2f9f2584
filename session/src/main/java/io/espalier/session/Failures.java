package io.espalier.session;

import io.espalier.columnar.ImageException;
import io.espalier.pager.DamagedPageException;
import io.espalier.pager.SpillException;
import java.util.function.Supplier;

/** Turns what the floors below throw into the exceptions of this one. */
final class Failures {

    private Failures() {}

    static <T> T translate(Supplier<T> work) {
        try {
            return work.get();
        } catch (io.espalier.spine.trace.StoreException e) {
            throw of(e);
        } catch (SpillException e) {
            throw new StoreException.DiskFull(e.getMessage(), e);
        } catch (DamagedPageException | ImageException e) {
            throw new StoreException.Damaged(e.getMessage(), e);
        }
    }

    private static StoreException of(io.espalier.spine.trace.StoreException e) {
        String message = String.valueOf(e.getMessage());
        return switch (e) {
            case io.espalier.spine.trace.StoreException.Absent absent ->
                    new StoreException.Absent(message);
            case io.espalier.spine.trace.StoreException.NotAStore foreign ->
                    new StoreException.Foreign(message);
            case io.espalier.spine.trace.StoreException.NewerFormat newer ->
                    new StoreException.NewerVersion(message);
            case io.espalier.spine.trace.StoreException.Locked locked ->
                    new StoreException.Locked(message);
            case io.espalier.spine.trace.StoreException.NotPermitted denied ->
                    new StoreException.ReadOnly(message, denied);
            case io.espalier.spine.trace.StoreException.Full full ->
                    new StoreException.DiskFull(message, full);
            case io.espalier.spine.trace.StoreException.Damaged damaged ->
                    new StoreException.Damaged(message, damaged);
            case io.espalier.spine.trace.StoreException.Stopped stopped ->
                    new StoreException.Failed(message, stopped);
            case io.espalier.spine.trace.StoreException.Failed failed ->
                    new StoreException.Failed(message, failed);
        };
    }
}
