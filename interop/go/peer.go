package main

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"runtime/debug"
	"strings"

	"kadmium.invalid/interop/lines"

	"github.com/ipfs/go-cid"
	"github.com/ipfs/go-datastore"
	dssync "github.com/ipfs/go-datastore/sync"
	"github.com/libp2p/go-libp2p"
	dht "github.com/libp2p/go-libp2p-kad-dht"
	"github.com/libp2p/go-libp2p-kad-dht/amino"
	"github.com/libp2p/go-libp2p-kad-dht/records"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"
	"github.com/multiformats/go-multiaddr"
)

const (
	library      = "github.com/libp2p/go-libp2p-kad-dht"
	providersMax = 100
)

// dhtPeer is a node with its DHT, and a second view of the store in which the DHT keeps values:
// the library lets nobody else look into its own.
type dhtPeer struct {
	host   host.Host
	dht    *dht.IpfsDHT
	values *records.ValueStore
}

func startPeer(options options) (*dhtPeer, error) {
	node, err := libp2p.New(libp2p.ListenAddrStrings(options.listen...), libp2p.DisableRelay(), libp2p.DisableMetrics())
	if err != nil {
		return nil, err
	}
	mode := dht.ModeClient
	if options.server {
		mode = dht.ModeServer
	}
	store := dssync.MutexWrap(datastore.NewMapDatastore())
	service, err := dht.New(
		node,
		dht.Mode(mode),
		dht.ProtocolPrefix(protocol.ID(strings.TrimSuffix(options.protocol, protocolSuffix))),
		dht.BucketSize(options.k),
		dht.Datastore(store),
	)
	if err != nil {
		return nil, errors.Join(err, node.Close())
	}
	values := records.NewValueStore(store, service.Validator, amino.DefaultMaxRecordAge)
	return &dhtPeer{host: node, dht: service, values: values}, nil
}

func (p *dhtPeer) close() {
	// The process ends after this: what is left open is closed with it.
	_ = p.dht.Close()
	_ = p.host.Close()
}

func (p *dhtPeer) greeting() lines.Answer {
	id := p.host.ID().String()
	addresses := []string{}
	for _, address := range p.host.Addrs() {
		addresses = append(addresses, address.String()+"/p2p/"+id)
	}
	return lines.Answer{"ready": true, "peer": id, "addresses": addresses, "implementation": implementation()}
}

// implementation names the library in the version that was linked.
func implementation() string {
	version := "of unknown version"
	if build, ok := debug.ReadBuildInfo(); ok {
		for _, module := range build.Deps {
			if module.Path == library {
				version = module.Version
			}
		}
	}
	return "go-libp2p-kad-dht " + version
}

func (p *dhtPeer) commands() map[string]lines.Command {
	return map[string]lines.Command{
		"connect":         p.connect,
		"put":             p.put,
		"get":             p.get,
		"provide":         p.provide,
		"findProviders":   p.findProviders,
		"findPeer":        p.findPeer,
		"closest":         p.closest,
		"table":           p.table,
		"stored":          p.stored,
		"storedProviders": p.storedProviders,
	}
}

func (p *dhtPeer) connect(ctx context.Context, asked lines.Request) (lines.Answer, error) {
	info, err := peer.AddrInfoFromString(asked.Address)
	if err != nil {
		return nil, fmt.Errorf("address: %w", err)
	}
	// The host waits for Identify as well.
	return nil, p.host.Connect(ctx, *info)
}

func (p *dhtPeer) put(ctx context.Context, asked lines.Request) (lines.Answer, error) {
	key, err := fromHex("key", asked.Key)
	if err != nil {
		return nil, err
	}
	value, err := fromHex("value", asked.Value)
	if err != nil {
		return nil, err
	}
	return nil, p.dht.PutValue(ctx, string(key), value)
}

func (p *dhtPeer) get(ctx context.Context, asked lines.Request) (lines.Answer, error) {
	key, err := fromHex("key", asked.Key)
	if err != nil {
		return nil, err
	}
	value, err := p.dht.GetValue(ctx, string(key))
	if err != nil {
		return nil, err
	}
	return lines.Answer{"value": hex.EncodeToString(value)}, nil
}

func (p *dhtPeer) provide(ctx context.Context, asked lines.Request) (lines.Answer, error) {
	content, err := cid.Decode(asked.CID)
	if err != nil {
		return nil, fmt.Errorf("cid: %w", err)
	}
	return nil, p.dht.Provide(ctx, content, true)
}

func (p *dhtPeer) findProviders(ctx context.Context, asked lines.Request) (lines.Answer, error) {
	content, err := cid.Decode(asked.CID)
	if err != nil {
		return nil, fmt.Errorf("cid: %w", err)
	}
	if asked.Count < 1 || asked.Count > providersMax {
		return nil, fmt.Errorf("count is not within 1 and %d", providersMax)
	}
	providers := []lines.Answer{}
	for found := range p.dht.FindProvidersAsync(ctx, content, asked.Count) {
		providers = append(providers, lines.Answer{"peer": found.ID.String(), "addresses": texts(found.Addrs)})
	}
	return lines.Answer{"providers": providers}, ctx.Err()
}

func (p *dhtPeer) findPeer(ctx context.Context, asked lines.Request) (lines.Answer, error) {
	id, err := peer.Decode(asked.Peer)
	if err != nil {
		return nil, fmt.Errorf("peer: %w", err)
	}
	found, err := p.dht.FindPeer(ctx, id)
	if err != nil {
		return nil, err
	}
	return lines.Answer{"addresses": texts(found.Addrs)}, nil
}

func (p *dhtPeer) closest(ctx context.Context, asked lines.Request) (lines.Answer, error) {
	key, err := fromHex("key", asked.Key)
	if err != nil {
		return nil, err
	}
	found, err := p.dht.GetClosestPeers(ctx, string(key))
	if err != nil {
		return nil, err
	}
	return lines.Answer{"peers": names(found)}, nil
}

func (p *dhtPeer) table(context.Context, lines.Request) (lines.Answer, error) {
	return lines.Answer{"peers": names(p.dht.RoutingTable().ListPeers())}, nil
}

func (p *dhtPeer) stored(ctx context.Context, asked lines.Request) (lines.Answer, error) {
	key, err := fromHex("key", asked.Key)
	if err != nil {
		return nil, err
	}
	record, err := p.values.Get(ctx, string(key))
	if err != nil {
		return nil, err
	}
	if record == nil {
		return lines.Answer{"value": nil}, nil
	}
	return lines.Answer{"value": hex.EncodeToString(record.GetValue())}, nil
}

func (p *dhtPeer) storedProviders(ctx context.Context, asked lines.Request) (lines.Answer, error) {
	content, err := cid.Decode(asked.CID)
	if err != nil {
		return nil, fmt.Errorf("cid: %w", err)
	}
	found, err := p.dht.ProviderStore().GetProviders(ctx, content.Hash())
	if err != nil {
		return nil, err
	}
	peers := []string{}
	for _, provider := range found {
		peers = append(peers, provider.ID.String())
	}
	return lines.Answer{"peers": peers}, nil
}

func fromHex(name string, text *string) ([]byte, error) {
	if text == nil {
		return nil, fmt.Errorf("%s: missing", name)
	}
	bytes, err := hex.DecodeString(*text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return bytes, nil
}

func names(peers []peer.ID) []string {
	texts := []string{}
	for _, id := range peers {
		texts = append(texts, id.String())
	}
	return texts
}

func texts(addresses []multiaddr.Multiaddr) []string {
	texts := []string{}
	for _, address := range addresses {
		texts = append(texts, address.String())
	}
	return texts
}
