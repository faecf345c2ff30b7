package daemon

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/kafka"
	"github.com/tokrelay/tokrelay/pipeline/state"
)

// Order is what an operator last asked of a sync, as the state topic keeps it: all instances follow it, also after a restart.
type Order struct {
	Paused bool      `json:"paused"`                // else: resumed
	At     time.Time `json:"at"`                    // of no two orders is the same
	By     string    `json:"by"`                    // "the command on HOST by USER", "the page of INSTANCE"
	Why    string    `json:"why,omitempty"`         // in the operator's words
	Accept time.Time `json:"accept_until,omitzero"` // until then rejected_share does not stop the sync
}

// String says who asked for it, and when.
func (o Order) String() string {
	text := fmt.Sprintf("by %s at %s", o.By, o.At.UTC().Format(time.RFC3339))
	if o.Why != "" {
		text += " (" + o.Why + ")"
	}
	return text
}

// ObeyedWithin is the time in which running instances follow an order.
const ObeyedWithin = 5 * time.Second

// MostAccepted is the longest time for which rejected rows are accepted.
const MostAccepted = 7 * 24 * time.Hour

// obeyEvery leaves time for Kafka's answer.
const obeyEvery = 2 * time.Second

func orderKey(sync string) string { return "order/" + sync }

// Give leaves an order of a sync for all instances.
func (w *Wiring) Give(ctx context.Context, sync string, o Order) error {
	doc, err := json.Marshal(o)
	if err != nil {
		return err
	}
	if err := w.EnsureState(ctx); err != nil {
		return err
	}
	if err := w.State.Put(ctx, orderKey(sync), doc); err != nil {
		return err
	}
	w.Note(ctx, o.action(sync))
	return nil
}

// action is the order in the list of actions.
func (o Order) action(sync string) Action {
	a := Action{What: "resume", Sync: sync, By: o.By, Detail: o.Why}
	if o.Paused {
		a.What = "pause"
	}
	if !o.Accept.IsZero() {
		a.Result = "rejected rows are dead-lettered, however many, until " + o.Accept.UTC().Format(time.RFC3339)
	}
	return a
}

// LastOrder reads what was last asked of a sync, from Kafka; the zero Order when nothing ever was.
func (w *Wiring) LastOrder(ctx context.Context, sync string) (Order, error) {
	if err := w.readOrders(ctx); err != nil {
		return Order{}, fmt.Errorf("read the state topic: %w", err)
	}
	return w.order(sync), nil
}

// readOrders refreshes the state topic. Where it does not exist, or may not be read, nothing can be asked of this instance.
func (w *Wiring) readOrders(ctx context.Context) error {
	err := w.State.Refresh(ctx)
	if err == nil || kafka.Denied(err) {
		return nil
	}
	there, other := w.Admin.Topics(ctx, w.Config.StateTopic)
	if kafka.Denied(other) || other == nil && len(there) == 0 {
		return nil
	}
	return err
}

func (w *Wiring) order(sync string) Order { return lastOrder(w.State, sync) }

// lastOrder is what a store holds; nil holds nothing.
func lastOrder(store *state.Store, sync string) (o Order) {
	if store == nil {
		return o
	}
	if doc, ok := store.Get(orderKey(sync)); ok && json.Unmarshal(doc, &o) != nil {
		return Order{} // of another version: it was not for us
	}
	return o
}

func pausedText(sync string, o Order) string {
	return "paused on purpose " + o.String() + "; tokrelay resume --sync " + sync + " lets it go on"
}

// awaitOrders reads the orders before any sync begins, however long it takes: one that is paused must not begin.
func (d *Daemon) awaitOrders(ctx context.Context) error {
	err := d.Wiring.insist(ctx, d.Wiring.syncNames(), pipeline.TroubleState, d.Wiring.readOrders)
	if err == nil {
		d.follow()
	}
	return err
}

// obey follows orders until ctx ends. While they cannot be read, the last ones count.
func (d *Daemon) obey(ctx context.Context) {
	for pipeline.Wait(ctx, obeyEvery) == nil {
		if d.Wiring.readOrders(ctx) == nil {
			d.follow()
		}
	}
}

// orders are when what each sync follows was asked for.
type orders struct {
	mu   sync.Mutex
	last map[string]time.Time
}

// follow has each sync do what was asked last, if that is news. An order that vanished with its topic goes on.
func (d *Daemon) follow() {
	d.orders.mu.Lock()
	defer d.orders.mu.Unlock()
	for _, name := range d.Wiring.syncNames() {
		if o := d.Wiring.order(name); !o.At.IsZero() && !o.At.Equal(d.orders.last[name]) {
			d.orders.last[name] = o.At
			d.carryOut(name, o)
		}
	}
}

// sourceOrder is the status's source for a pause.
const sourceOrder = "operator"

func (d *Daemon) carryOut(name string, o Order) {
	w := d.Wiring
	if o.Paused {
		w.Status.Set(name, sourceOrder, &pipeline.Trouble{Kind: pipeline.TroublePaused, Stop: true, What: pausedText(name, o)})
		d.router.Pause(name)
		return
	}
	paused, stopped := w.Status.Clear(name, sourceOrder), d.router.Resume(name, o.Accept)
	if paused || stopped || time.Now().Before(o.Accept) {
		w.Log.Info("sync is resumed", "sync", name, "by", o.By, "at", o.At.UTC(), "why", o.Why, "accepts_rejections_until", o.Accept.UTC())
	}
}

// IsPaused reports whether an operator has paused the sync.
func (w *Wiring) IsPaused(sync string) bool {
	return slices.ContainsFunc(w.Status.Troubles(sync), func(t pipeline.TroubleSince) bool { return t.Kind == pipeline.TroublePaused })
}

// Follow gives an order and has this instance follow it at once.
func (d *Daemon) Follow(ctx context.Context, sync string, o Order) error {
	if err := d.Wiring.Give(ctx, sync, o); err != nil {
		return err
	}
	d.follow()
	return nil
}
